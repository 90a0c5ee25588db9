"""Patches in HDF5 files."""

import json

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch")
h5py = pytest.importorskip("h5py", reason="datasets need h5py")

from sunpy_enhance.training import storage  # noqa: E402
from sunpy_enhance.training.dataset import HELD_OUT_SEEDS  # noqa: E402
from sunpy_enhance.training.recipe import make_patches, read_recipe  # noqa: E402
from sunpy_enhance.training.storage import open_dataset, write_dataset  # noqa: E402

SCENE = {"kind": "quiet", "shape": [96, 96], "scenes": 2, "patches": 3, "test_scenes": 1, "test_patches": 2}
CHANGES = {
    "files": [],
    "synthetic": [SCENE],
    "patches.size": 8,
    "patches.number": 6,
    "network.channels": 4,
    "network.narrow": 5,
    "network.wide": 3,
    "network.dilation": 2,
}


@pytest.fixture
def recipe():
    return read_recipe("continuum", changes=CHANGES)


@pytest.fixture
def path(recipe, tmp_path):
    path = tmp_path / "patches.hdf5"
    write_dataset(recipe, None, path, progress=False)
    return path


def test_what_is_written_is_what_is_made_in_memory(recipe, path):
    train, held_out = make_patches(recipe, None, progress=False)
    with open_dataset(path, recipe) as (lazy, in_memory):
        assert (len(lazy), lazy.halo, lazy.sources) == (len(train), train.halo, train.sources)
        some = np.array([5, 0, 3])
        np.testing.assert_array_equal(lazy.inputs[some], train.inputs[some])
        np.testing.assert_array_equal(lazy.targets[some], train.targets[some])
        np.testing.assert_array_equal(lazy.select(np.arange(6) > 2).inputs, train.inputs[3:])
        np.testing.assert_array_equal(in_memory.inputs, held_out.inputs)
        np.testing.assert_array_equal(in_memory.targets, held_out.targets)
        assert in_memory.sources == held_out.sources


def test_the_file_says_what_it_is_of(recipe, path):
    with h5py.File(path) as file:
        assert file.attrs["recipe"] == recipe.text
        assert file.attrs["seed"] == recipe["seed"]
        assert file.attrs["held_out_seeds"] == HELD_OUT_SEEDS
        assert file.attrs["plate_scale"] == 0.504
        assert file.attrs["noise"] == recipe["noise"]
        assert json.loads(file.attrs["psf"]) == recipe["psf"]
        assert {"sha256", "licences", "target", "unit"} <= set(file.attrs)
        assert file["train/inputs"].chunks[0] == 1
        assert file["train/inputs"].compression is None


def test_a_recipe_of_the_same_patches_may_use_it(path):
    smaller = CHANGES | {"network.channels": 2, "network.layers": 2, "training.steps": 5, "name": "smaller"}
    with open_dataset(path, read_recipe("continuum", changes=smaller)) as (train, _):
        assert len(train) == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 8, "psf.omega": 1.8}, r"is not of recipe continuum: it differs in \['psf', 'seed'\]; make it again"),
        ({"synthetic": [SCENE | {"patches": 4}]}, r"it differs in \['synthetic'\]"),
        ({"patches.number": 7}, r"it differs in \['patches'\]"),
        ({"network.layers": 6}, "has 10 pixels around its patches, but continuum needs 12: make it again"),
    ],
)
def test_a_recipe_of_other_patches_may_not(path, changes, message):
    recipe = read_recipe("continuum", changes=CHANGES | changes)
    with pytest.raises(ValueError, match=message), open_dataset(path, recipe):
        pass


def test_older_and_other_files_are_told(recipe, path, tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "__version__", "99")
    with pytest.raises(ValueError, match=r"differs in \['sunpy_enhance'\]"), open_dataset(path, recipe):
        pass
    with h5py.File(path, "a") as file:
        del file.attrs["format"]
    with pytest.raises(ValueError, match="format None, expected 1"), open_dataset(path, recipe):
        pass
    other = tmp_path / "other.hdf5"
    other.write_text("no")
    with pytest.raises(ValueError, match="other.hdf5 is not an HDF5 file"), open_dataset(other, recipe):
        pass
    with pytest.raises(FileNotFoundError, match="does not exist: make it with"):
        open_dataset(tmp_path / "none.hdf5", recipe).__enter__()


def test_a_file_is_complete_or_not_there(recipe, tmp_path, monkeypatch):
    def broken(*arguments, **keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr("sunpy_enhance.training.dataset.sample_patches", broken)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(recipe, None, tmp_path / "half.hdf5", progress=False)
    assert not list(tmp_path.iterdir())
