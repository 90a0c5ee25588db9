"""Files as truth."""

import numpy as np
import pytest

from astropy.io import fits

from sunpy_enhance.training.sources import PREPARATIONS, Truth, read_truth, sha256, synthetic_truth


@pytest.fixture
def entry(tmp_path):
    image = np.arange(200 * 100, dtype=np.float32).reshape(200, 100)
    fits.writeto(tmp_path / "file.fits", image)
    return {
        "file": "file.fits",
        "sha256": sha256(tmp_path / "file.fits"),
        "source": "test",
        "plate_scale": 0.1,
        "prepare": "as_is",
    }


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("held_out", [0.3, -0.3])
def test_parts_are_disjoint_with_a_gap(entry, tmp_path, axis, held_out):
    (train,), (test,) = read_truth(tmp_path, entry | {"axis": axis, "held_out": held_out})
    assert not set(train.image.ravel()) & set(test.image.ravel())
    length = (200, 100)[axis]
    assert length - train.image.shape[axis] - test.image.shape[axis] == 15  # 1.5 arcsec
    assert test.image.shape[axis] == pytest.approx(0.3 * length, abs=16)


def test_all_or_nothing_can_be_held_out(entry, tmp_path):
    train, test = read_truth(tmp_path, entry | {"held_out": 1.0})
    assert not train
    assert test[0].image.shape[0] > 180
    train, test = read_truth(tmp_path, entry)
    assert not test
    assert train[0].image.shape == (200, 100)


def test_wrong_files_are_named(entry, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"other\.fits does not exist"):
        read_truth(tmp_path, entry | {"file": "other.fits"})
    with pytest.raises(ValueError, match=r"file\.fits is not the recipe's"):
        read_truth(tmp_path, entry | {"sha256": "0" * 64})
    fits.writeto(tmp_path / "cube.fits", np.zeros((2, 3, 4)))
    with pytest.raises(ValueError, match=r"cube\.fits has 3 dimensions"):
        read_truth(tmp_path, entry | {"file": "cube.fits", "sha256": sha256(tmp_path / "cube.fits")})


def test_gaps_are_refused():
    with pytest.raises(ValueError, match="gappy: the image has pixels that are not finite"):
        Truth(np.array([[1.0, np.nan]]), 0.1, "gappy")


@pytest.mark.parametrize("name", ["sst_quiet", "sst_spot"])
def test_preparations_of_intensity(name):
    rng = np.random.default_rng(0)
    image = 200 * (1 + 0.05 * rng.standard_normal((200, 200)))
    prepared = PREPARATIONS[name](image, 0.059)
    assert prepared.mean() == pytest.approx(1, abs=0.02)
    assert prepared.min() > 0
    assert prepared.std() == pytest.approx(3.1 * 0.05, rel=0.1)


def test_preparation_of_a_field_is_odd_and_takes_noise_off():
    field = np.random.default_rng(0).normal(0, 6, (64, 64))
    assert not PREPARATIONS["shrunk_field"](field, 0.1).any()
    field[20:40, 20:40] = 1500
    prepared = PREPARATIONS["shrunk_field"](field, 0.1)
    assert prepared[30, 30] > 1500
    np.testing.assert_allclose(PREPARATIONS["shrunk_field"](-field, 0.1), -prepared)


def test_synthetic_truth():
    continuum, field = (synthetic_truth(o, "network", seed=1, shape=(128, 128)) for o in ("continuum", "magnetogram"))
    assert continuum.periodic
    assert continuum.source == "synthetic network"
    assert continuum.image.mean() == pytest.approx(1, abs=0.1)
    assert field.image.min() < 0 or field.image.max() > 100
