"""From a recipe to an ONNX file."""

import hashlib
import importlib.resources

import numpy as np
import pytest
from conftest import smooth_noise

from astropy.io import fits

torch = pytest.importorskip("torch", reason="training needs PyTorch")

from sunpy_enhance import available_models  # noqa: E402
from sunpy_enhance._network import load_network  # noqa: E402
from sunpy_enhance.cli import main  # noqa: E402
from sunpy_enhance.training import metrics as metrics_module  # noqa: E402
from sunpy_enhance.training import recipe as recipe_module  # noqa: E402
from sunpy_enhance.training import train  # noqa: E402
from sunpy_enhance.training.metrics import evaluate  # noqa: E402

RECIPES = importlib.resources.files("sunpy_enhance.training") / "recipes"

# So small that it trains in seconds, on a truth that the fixture writes.
RECIPE = """
name = "tiny"
version = "0.1"
observable = "{observable}"
seed = 3
noise = {noise}
plate_scale = 0.504
[psf]
kind = "wachter"
[target]
kind = "airy"
diameter = 0.28
[network]
channels = 8
blocks = 1
narrow = 7
wide = 3
dilation = 2
[patches]
size = 12
[training]
steps = 8
batch = 4
learning_rate = 1e-4
linear_rate = 0.01
average = 0.5
consistency = 2.0
floor = 2.0
local = 0.1
local_floor = 1.0
fit_patches = 24
bfloat16 = false
float32 = 0.1
checkpoint = 4
[[files]]
file = "truth.fits"
sha256 = "{sha256}"
source = "noise"
plate_scale = 0.1
prepare = "as_is"
axis = 0
held_out = 0.4
scenes = 2
patches = 12
test_patches = 6
zoom = [0.9, 1.1]
gain = [0.9, 1.1]
"""


@pytest.fixture(params=["continuum", "magnetogram"])
def recipe_file(request, tmp_path):
    """The path of a recipe; its truth is in the same folder."""
    magnetic = request.param == "magnetogram"
    image = 300 * smooth_noise((300, 200)) if magnetic else 1 + 0.1 * smooth_noise((300, 200))
    fits.writeto(tmp_path / "truth.fits", image.astype(np.float32))
    sha256 = hashlib.sha256((tmp_path / "truth.fits").read_bytes()).hexdigest()
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE.format(observable=request.param, noise=10.0 if magnetic else 1e-3, sha256=sha256))
    return path


@pytest.fixture
def limb_in_short(monkeypatch):
    """Two angles are enough for a test."""
    monkeypatch.setattr(metrics_module, "_MU", (1.0, 0.6))
    monkeypatch.setattr(metrics_module, "_LIMB_KINDS", {"continuum": ("quiet",), "magnetogram": ("plage",)})


def weights(network):
    return {key: value.numpy() for key, value in network.state_dict().items()}


def test_train_beats_bicubic_and_starts_from_the_linear_filter(recipe_file):
    recipe = recipe_module.read_recipe(recipe_file)
    network, linear, metrics = train.train(recipe, recipe_file.parent, progress=False)
    (results,) = metrics.values()
    assert set(results) == {"tiny", "linear", "bicubic"}
    assert results["tiny"]["rms"] < 0.8 * results["bicubic"]["rms"]
    assert results["tiny"]["rms"] < 1.1 * results["linear"]["rms"]
    assert not linear.channels
    assert not network.bfloat16


def test_a_killed_run_goes_on_to_the_same_weights(recipe_file, monkeypatch):
    recipe = recipe_module.read_recipe(recipe_file)
    patches = recipe_module.make_patches(recipe, recipe_file.parent, progress=False)
    whole, _, _ = train.train(recipe, None, patches=patches, progress=False)
    checkpoint = recipe_file.with_suffix(".checkpoint")
    original, calls = train._batch, []

    def killed(*arguments):
        calls.append(1)
        if len(calls) == 8:  # one to measure the linear filter, then after the checkpoint of step 4
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(train, "_batch", killed)
    with pytest.raises(KeyboardInterrupt):
        train.train(recipe, None, patches=patches, checkpoint=checkpoint, progress=False)
    assert checkpoint.exists()
    monkeypatch.setattr(train, "_batch", original)
    resumed, _, _ = train.train(recipe, None, patches=patches, checkpoint=checkpoint, progress=False)
    for key, value in weights(whole).items():
        np.testing.assert_array_equal(weights(resumed)[key], value)


def test_command_line_makes_a_network_that_runs(recipe_file, capsys, limb_in_short):
    out = recipe_file.parent / "tiny.onnx"
    assert main(["train", str(recipe_file), "--data", str(recipe_file.parent), "--out", str(out)]) == 0
    assert "mu >= " in capsys.readouterr().out
    assert sorted(path.name for path in out.parent.glob("tiny*")) == ["tiny-linear.onnx", "tiny.onnx", "tiny.toml"]
    network, linear = (load_network(path, "cpu") for path in (out, out.with_name("tiny-linear.onnx")))
    assert network.card.name == "tiny"
    assert linear.card.name == "tiny"
    assert network.card.recipe == recipe_file.read_text()
    assert network.card.data["truth.fits"] in network.card.recipe
    assert linear.card.halo < network.card.halo
    (kind,) = metrics_module._LIMB_KINDS[network.card.observable]
    assert {"noise", f"mu = 1.0, {kind}", f"mu = 0.6, {kind}"} == set(network.card.metrics)
    assert network.card.mu_validated in (1.0, 0.6)
    halo = network.card.halo
    assert network(np.ones((20 + 2 * halo, 24 + 2 * halo), np.float32)).shape == (40, 48)


def test_missing_training_extra_is_told(monkeypatch, capsys, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "sunpy_enhance.training.train", None)
    assert main(["train", str(tmp_path / "x.toml")]) == 1
    assert "pip install 'sunpy_enhance[training]'" in capsys.readouterr().err


def test_recipes_are_checked(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("name = 'x'")
    with pytest.raises(ValueError, match=r"lacks \['network', 'noise'"):
        recipe_module.read_recipe(path)


@pytest.mark.parametrize("name", ["continuum", "magnetogram"])
def test_shipped_networks_are_of_the_shipped_recipes(name):
    recipe = recipe_module.read_recipe(RECIPES / f"{name}.toml")
    cards = available_models()
    assert cards[name].recipe == cards[f"{name}-linear"].recipe == recipe.text
    assert cards[name].halo == recipe.network().halo
    assert cards[f"{name}-linear"].halo == recipe.network(channels=0).halo


def test_metrics_of_a_known_error():
    rng = np.random.default_rng(0)
    from sunpy_enhance.training.dataset import Patches

    targets = rng.normal(1, 0.1, (5, 16, 16)).astype(np.float32)
    inputs = np.pad(targets.reshape(5, 8, 2, 8, 2).mean(axis=(2, 4)), ((0, 0), (5, 5), (5, 5)), mode="symmetric")
    patches = Patches(inputs, targets, ["a"] * 3 + ["b"] * 2)
    answers = iter([targets[:3], targets[3:]])

    def shifted(images):
        return torch.from_numpy(next(answers) + np.float32(0.02))[:, None]

    shifted.halo = 5
    metrics = evaluate({"shifted": shifted}, patches, 0.0)
    for source, truth in (("a", targets[:3]), ("b", targets[3:])):
        found = metrics[source]["shifted"]
        assert found["rms"] == pytest.approx(0.02, rel=1e-4)
        assert found["bias"] == pytest.approx(0.02, rel=1e-4)
        assert found["psnr"] == pytest.approx(20 * np.log10(np.ptp(truth) / 0.02), rel=1e-4)
        assert found["contrast"] == pytest.approx(1)
        assert found["correlation"] == pytest.approx(1)
        assert metrics[source]["bicubic"]["rms"] > 0.02
