"""The patches of a recipe: all that it says, and nothing of what is held out."""

import concurrent.futures
import hashlib

import numpy as np
import pytest
from conftest import smooth_noise
from hypothesis import given
from hypothesis import strategies as st

from astropy.io import fits

from sunpy_enhance.optics import AiryPSF, WachterPSF
from sunpy_enhance.training import dataset
from sunpy_enhance.training.dataset import HELD_OUT_SEEDS
from sunpy_enhance.training.patches import sample_patches
from sunpy_enhance.training.recipe import make_patches, read_recipe
from sunpy_enhance.training.sources import Truth

OPTICS = {"psf": WachterPSF(), "target": AiryPSF(), "plate_scale": 0.504}


RECIPE = """
base = "continuum.toml"
seed = 3
[network]
channels = 4
layers = 2
narrow = 5
wide = 3
dilation = 2
[patches]
size = 8
number = 18
[[files]]
file = "truth.fits"
source = "noise"
sha256 = "{sha256}"
plate_scale = 0.1
prepare = "as_is"
axis = 1
held_out = 0.4
scenes = 2
patches = 5
test_patches = 4
zoom = [0.9, 1.1]
[[synthetic]]
kind = "quiet"
shape = [96, 96]
scenes = 2
patches = 4
test_scenes = 2
test_patches = 3
mu = 0.5
"""


@pytest.fixture
def make(tmp_path):
    """A function that writes a truth, 180 of its 300 columns for training, and returns its recipe."""
    pytest.importorskip("torch", reason="recipes make networks, which need PyTorch")

    def make(image, **changes):
        fits.writeto(tmp_path / "truth.fits", image.astype(np.float32), overwrite=True)
        sha256 = hashlib.sha256((tmp_path / "truth.fits").read_bytes()).hexdigest()
        (tmp_path / "tiny.toml").write_text(RECIPE.format(sha256=sha256))
        return read_recipe(tmp_path / "tiny.toml", changes={key.replace("__", "."): changes[key] for key in changes})

    return make


@pytest.fixture
def image():
    return 1 + 0.1 * smooth_noise((150, 300))


def test_no_pixel_that_is_held_out_is_seen(make, image, tmp_path):
    """Other pixels in the one part of a file change nothing, to the last bit, in the other part's patches."""
    train, held_out = make_patches(make(image), tmp_path, progress=False)
    other = image.copy()
    other[:, 180:] = 3 + 0.2 * smooth_noise((150, 120), seed=9)
    train_too, held_out_other = make_patches(make(other), tmp_path, progress=False)
    np.testing.assert_array_equal(train_too.inputs, train.inputs)
    np.testing.assert_array_equal(train_too.targets, train.targets)
    from_file = np.array(held_out.sources) == "noise"
    assert (held_out_other.targets[from_file] > 2).all()

    other = image.copy()
    other[:, :180] = 3 + 0.2 * smooth_noise((150, 180), seed=9)
    train_other, held_out_too = make_patches(make(other), tmp_path, progress=False)
    np.testing.assert_array_equal(held_out_too.inputs, held_out.inputs)
    np.testing.assert_array_equal(held_out_too.targets, held_out.targets)
    from_file = np.array(train.sources) == "noise"
    assert (train_other.targets[from_file] > 2).all()


def test_synthetic_scenes_that_are_held_out_have_other_seeds(make, image, tmp_path, monkeypatch):
    drawn = []
    original = dataset.synthetic_truth

    def spy(*arguments, seed, **keywords):
        drawn.append(seed)
        return original(*arguments, seed=seed, **keywords)

    monkeypatch.setattr(dataset, "synthetic_truth", spy)
    make_patches(make(image), tmp_path, progress=False)
    assert drawn == [0, 1, HELD_OUT_SEEDS, HELD_OUT_SEEDS + 1]
    synthetic = [{"kind": "quiet", "scenes": HELD_OUT_SEEDS + 1, "patches": 1, "test_scenes": 1, "test_patches": 1}]
    with pytest.raises(ValueError, match="1000001 scenes are to be drawn, expected at most 1000000"):
        make_patches(make(image, synthetic=synthetic), tmp_path, progress=False)


def test_patches_are_those_of_the_scenes(make, image, tmp_path):
    train, held_out = make_patches(make(image), tmp_path, progress=False)
    assert train.sources == ["noise"] * 10 + ["synthetic quiet"] * 8
    assert held_out.sources == ["noise"] * 4 + ["synthetic quiet"] * 6
    assert train.inputs.shape == (18, 8 + 2 * train.halo, 8 + 2 * train.halo)
    assert train.targets.shape == (18, 16, 16)
    assert train.inputs.dtype == train.targets.dtype == np.float32
    # Nothing was left as it was allocated.
    assert len(np.unique(train.targets.mean(axis=(1, 2)))) == 18
    assert 0.5 < train.inputs.min() < train.inputs.max() < 1.6


@given(
    st.lists(st.tuples(st.sampled_from(["train", "held_out"]), st.integers(0, 200)), min_size=1, max_size=30),
    st.integers(1, 5000),
)
def test_totals_come_out_exactly(numbers, total):
    scenes = [dataset._Scene(part, None, number, {}) for part, number in numbers]
    of_train = sum(number for part, number in numbers if part == "train")
    if not of_train:
        with pytest.raises(ValueError, match="no patches for the part 'train'"):
            dataset._scale(scenes, "train", total)
        return
    scaled = dataset._scale(scenes, "train", total)
    assert sum(scene.number for scene in scaled if scene.part == "train") == total
    for before, after in zip(scenes, scaled, strict=True):
        expected = before.number * total / of_train if before.part == "train" else before.number
        assert abs(after.number - expected) <= 1


def test_totals_of_the_recipe(make, image, tmp_path):
    train, held_out = make_patches(make(image, patches__number=31, patches__test_number=3), tmp_path, progress=False)
    assert (len(train), len(held_out)) == (31, 3)
    assert train.sources.count("noise") == 17


def test_processes_make_the_same_patches(make, image, tmp_path):
    alone, together = (make_patches(make(image), tmp_path, workers=workers, progress=False) for workers in (1, 2))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.inputs, other.inputs)
        np.testing.assert_array_equal(one.targets, other.targets)
        assert one.sources == other.sources


def test_few_scenes_wait_to_be_taken(monkeypatch):
    submitted = []

    class Pool:
        def __init__(self, workers, mp_context):
            assert workers == 3

        def submit(self, function, scene, state, sampling):
            submitted.append(scene)
            future = concurrent.futures.Future()
            future.set_result(scene)
            return future

        def shutdown(self, *, cancel_futures):
            assert cancel_futures

    monkeypatch.setattr(dataset.concurrent.futures, "ProcessPoolExecutor", Pool)
    pieces = dataset._sampled(range(20), range(20), {}, 3)
    for taken in range(20):
        assert next(pieces) == taken
        assert len(submitted) == min(taken + 6, 20)
    assert list(pieces) == []


def test_blur_changes_nothing_else_that_is_drawn(make, image, tmp_path):
    assert read_recipe("paper")["patches"]["blur"] == [1.0, 1.0]  # the default: it does not say anything
    plain, some = (
        make_patches(make(image, patches__blur=blur), tmp_path, progress=False) for blur in ([1.0, 1.0], [0.8, 1.25])
    )
    assert not np.array_equal(plain[0].inputs, some[0].inputs)
    for part, other in zip(plain, some, strict=True):
        np.testing.assert_array_equal(part.targets, other.targets)
    np.testing.assert_array_equal(plain[1].inputs, some[1].inputs)


def test_each_scene_has_a_width_of_its_own():
    truth = Truth(1 + 0.1 * smooth_noise((256, 256), 3), 0.1, "noise", periodic=True)
    rng, spreads = np.random.default_rng(0), []
    for _ in range(4):
        patches = sample_patches(truth, 20, size=24, halo=0, rng=rng, **OPTICS, blur=(0.7, 1.4))
        spreads.append(patches.inputs.std() / patches.targets.std())
    assert np.ptp(spreads) > 0.05


def test_only_what_is_trained_on_is_blurred(make, image, tmp_path, monkeypatch):
    ranges, original = [], dataset.sample_patches
    monkeypatch.setattr(dataset, "sample_patches", lambda *a, **k: ranges.append(k.get("blur")) or original(*a, **k))
    train, _ = make_patches(make(image, patches__blur=[0.9, 1.2]), tmp_path, progress=False)
    assert len(train) == 18
    assert ranges == [[0.9, 1.2]] * 2 + [None] + [[0.9, 1.2]] * 2 + [None] * 2


@pytest.mark.parametrize("turn", [True, False])
@pytest.mark.parametrize("kind", ["image", "blurred", "synthetic", "held out"])
def test_a_scene_that_is_skipped_takes_the_numbers_of_one_that_is_sampled(make, image, tmp_path, kind, turn):
    recipe = make(image)
    scenes = dataset._file_scenes(recipe["files"][0], tmp_path, "continuum", recipe.sampling())
    drawn = dataset._synthetic_scenes(recipe["synthetic"][0], "continuum")
    blurred = dataset._blurred(scenes[0], (0.9, 1.1))
    scene = {"image": scenes[0], "blurred": blurred, "synthetic": drawn[0], "held out": drawn[-1]}[kind]
    sampled, skipped = np.random.default_rng(5), np.random.default_rng(5)
    scene.sample(sampled, recipe.sampling() | {"turn": turn})
    scene.skip(skipped, turn=turn)
    assert sampled.random() == skipped.random()


def test_recipes_that_hold_nothing_out_are_told(make, image, tmp_path):
    synthetic = [{"kind": "quiet", "scenes": 1, "patches": 1, "test_scenes": 0, "test_patches": 0}]
    recipe = make(image, files=[], synthetic=synthetic)
    with pytest.raises(ValueError, match="no patches for the part 'held_out', expected some"):
        make_patches(recipe, tmp_path, progress=False)


def test_grids_are_turned_only_where_they_may_be():
    """A truth of stripes: without turning, every row of a patch is the same."""
    truth = Truth(np.tile(1 + 0.1 * smooth_noise((1, 256), 6), (256, 1)), 0.1, "stripes", periodic=True)
    settings = {"size": 8, "halo": 3} | OPTICS
    straight, turned = (
        sample_patches(truth, 6, rng=np.random.default_rng(0), turn=turn, **settings) for turn in (False, True)
    )
    for patches in (straight.inputs, straight.targets):
        assert np.ptp(patches, axis=1).max() < 1e-3
    assert np.ptp(turned.targets, axis=1).max() > 0.1
