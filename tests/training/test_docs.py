"""The page on training, run as it stands but for its size."""

import pathlib
import re
import shlex
import textwrap

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("h5py", reason="the page writes its patches to HDF5")
pytest.importorskip("sunpy_enhance.training.storage", reason="the page needs recipes with a base and patches in HDF5")

from sunpy_enhance import enhance_map
from sunpy_enhance._network import load_network
from sunpy_enhance.cli import main
from sunpy_enhance.training import metrics, train

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "training.rst"
# The same recipe in seconds: few small patches, a small network, few steps.
SMALL = {
    "network.channels": 4,
    "network.layers": 2,
    "network.narrow": 5,
    "network.wide": 3,
    "patches.size": 12,
    "patches.number": 24,
    "patches.test_number": 6,
    "training.steps": 4,
    "training.batch": 4,
    "training.checkpoint": 2,
    "training.fit_patches": 24,
    "training.bfloat16": "false",
    "uncertainty.steps": 4,
    "uncertainty.channels": 4,
    "uncertainty.batch": 4,
}


def blocks():
    """The code blocks of the page, as (language, text)."""
    found = re.findall(r"\.\. code-block:: (\w+)\n\n((?:(?: {4}.*)?\n)+)", PAGE.read_text(encoding="utf-8"))
    return [(language, textwrap.dedent(text).strip("\n") + "\n") for language, text in found]


def run(line):
    """Run a line of the console, small."""
    program, command, *arguments = shlex.split(line.removeprefix("$ "))
    assert program == "sunpy-enhance"
    changes = [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
    assert main([command, *arguments, *changes]) == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:of the solar disk in this Map")  # the spot is not of the simulation
def test_the_page_runs_from_truth_to_an_enhanced_map(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(metrics, "_MU", (1.0,))
    monkeypatch.setattr(metrics, "_LIMB_KINDS", {"continuum": ("quiet",)})
    # So short a training is valid nowhere, and nothing would be enhanced.
    original = train.validate_towards_limb
    monkeypatch.setattr(train, "validate_towards_limb", lambda *parts: (0.3, *original(*parts)[1:]))
    names = {}
    for language, text in blocks():
        if language == "python":
            exec(compile(text, PAGE, "exec"), names)
        elif language == "toml":
            pathlib.Path("my.toml").write_text(text, encoding="utf-8")
        else:
            for line in text.splitlines():
                if "pip install" not in line:
                    run(line)
    assert pathlib.Path("my.loss.png").stat().st_size > 1000
    card = load_network("my.onnx", "cpu").card
    assert card.name == "my-continuum"
    assert "my simulation" in card.metrics
    assert "training.steps = 4" in card.recipe
    hmi, enhanced = names["hmi"], names["enhanced"]
    assert enhanced.data.shape == tuple(2 * n for n in hmi.data.shape)
    assert np.isfinite(enhanced.data).all()
    assert enhanced.mask is None or not enhanced.mask.all()
    assert not np.allclose(enhanced.data, enhance_map(hmi).data, rtol=1e-3)
