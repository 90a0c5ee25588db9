"""From the entries of a recipe to truth."""

import importlib.resources
import pathlib
import tomllib

import h5py
import numpy as np
import pytest
from layouts import FIELD, INTENSITY, OFFSET, write_cubes, write_header, write_sidecar, write_slice

import astropy.units as u
from astropy.io import fits

from sunpy_enhance.training.files import file_hashes, licences, sha256
from sunpy_enhance.training.sources import read_truth, synthetic_truth
from sunpy_enhance.training.truth import angular_size

DATA = pathlib.Path(__file__).parents[2] / ".." / "shared" / "data"
RECIPES = sorted((importlib.resources.files("sunpy_enhance.training") / "recipes").glob("*.toml"))


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


@pytest.fixture
def run(tmp_path):
    """Five snapshots of a MURaM run: intensity and a slice of each, and one cube."""
    for folder in ("2D", "3D"):
        (tmp_path / folder).mkdir()
    write_header(tmp_path / "3D" / "Header.000000")
    write_cubes(tmp_path / "3D")
    for i in range(5):
        write_slice(tmp_path / "2D" / f"I_out.0000{i}0", [INTENSITY + 1e9 * i])
        write_slice(tmp_path / "2D" / f"tau_slice_1.000.0000{i}0", [OFFSET + 10 * i] * 8)
    return tmp_path


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


def test_one_image_in_three_kinds_of_files(entry, tmp_path):
    image = fits.getdata(tmp_path / "file.fits")
    np.save(tmp_path / "file.npy", image)
    with h5py.File(tmp_path / "file.h5", "w") as file:
        file["run/image"], file["time"] = image, np.zeros(3)
    plain = {"plate_scale": 0.1}
    for more in ({"file": "file.fits"}, {"file": "file.npy"}, {"file": "file.h5", "dataset": "run/image"}):
        (truth,), _ = read_truth(tmp_path, plain | more)
        np.testing.assert_array_equal(truth.image, image)
        assert (truth.source, truth.plate_scale, truth.periodic) == (more["file"], 0.1, False)


def test_series_are_parted_in_space_or_in_time(tmp_path):
    series = np.random.default_rng(0).uniform(0.5, 1.5, (5, 60, 50))
    np.save(tmp_path / "series.npy", series)
    entry = {"file": "series.npy", "plate_scale": 0.1, "held_out": 0.4}
    train, test = read_truth(tmp_path, entry)
    assert [len(part) for part in (train, test)] == [5, 5]
    np.testing.assert_array_equal(test[3].image, series[3, 51:])
    train, test = read_truth(tmp_path, entry | {"axis": "time", "time_gap": 1})
    np.testing.assert_array_equal([truth.image for truth in train], series[:2])
    np.testing.assert_array_equal([truth.image for truth in test], series[3:])


def test_units_of_images(tmp_path):
    image = np.random.default_rng(0).uniform(0.5, 1.5, (20, 20))
    np.save(tmp_path / "image.npy", 1e4 * image)
    fits.writeto(tmp_path / "field.fits", 0.1 * (image - 1), fits.Header({"BUNIT": "T"}))
    base = {"plate_scale": 0.1}
    (truth,), _ = read_truth(tmp_path, base | {"file": "image.npy", "level": 1e4}, observable="continuum")
    np.testing.assert_allclose(truth.image, image)
    (field,), _ = read_truth(tmp_path, base | {"file": "field.fits"}, observable="magnetogram")
    np.testing.assert_allclose(field.image, 1000 * (image - 1), atol=1e-9)
    assert (truth.unit, field.unit) == ("", "G")
    (same,), _ = read_truth(tmp_path, base | {"file": "field.fits"})  # whose unit tells what it is of
    np.testing.assert_array_equal(same.image, field.image)
    with pytest.raises(ValueError, match=r"image\.npy has a mean of .*e\+04, expected the quiet Sun to be 1: give its"):
        read_truth(tmp_path, base | {"file": "image.npy"}, observable="continuum")
    with pytest.raises(ValueError, match=r"field\.fits is in T, expected an intensity"):
        read_truth(tmp_path, base | {"file": "field.fits"}, observable="continuum")
    with pytest.raises(ValueError, match=r"field\.fits has a largest field of 0\.0499\d*, expected gauss: give its"):
        read_truth(tmp_path, base | {"file": "field.fits", "unit": "G"}, observable="magnetogram")


def test_grid_and_distance_give_the_plate_scale(entry, tmp_path):
    with pytest.raises(ValueError, match=r"file\.fits has both of 'plate_scale' and 'grid', expected one"):
        read_truth(tmp_path, entry | {"grid": 96})
    del entry["plate_scale"]
    (truth,), _ = read_truth(tmp_path, entry | {"grid": 96, "distance": "0.5 AU", "periodic": True})
    assert truth.plate_scale == pytest.approx(4 * angular_size(48 * u.km).value)
    assert truth.periodic
    with pytest.raises(ValueError, match=r"file\.fits has neither of 'plate_scale' and 'grid'"):
        read_truth(tmp_path, entry)
    with pytest.raises(ValueError, match=r"file\.fits: 'grid' is '48 G', expected a quantity"):
        read_truth(tmp_path, entry | {"grid": "48 G"})


def test_pair_of_a_muram_run(run):
    times = {"axis": "time", "held_out": -0.4, "licence": "CC0-1.0"}
    parts = [
        read_truth(run, times | {"file": f"2D/{name}.*"}, observable=observable)
        for name, observable in (("I_out", "continuum"), ("tau_slice_1.000", "magnetogram"))
    ]
    for train, test in parts:
        assert [len(train), len(test)] == [3, 2]
        assert {(truth.source, truth.periodic, truth.licence) for truth in train} == {("MURaM", True, "CC0-1.0")}
    np.testing.assert_allclose(parts[1][0][0].image, np.sqrt(4 * np.pi) * (OFFSET + 20), rtol=1e-6)
    assert parts[0][0][0].plate_scale == parts[1][0][0].plate_scale
    with pytest.raises(ValueError, match=r"2D/I_out\.000000 is not of the observable magnetogram"):
        read_truth(run, times | {"file": "2D/I_out.*"}, observable="magnetogram")


def test_snapshots_are_in_the_order_of_their_numbers(tmp_path):
    for number in (9, 10, 100):
        np.save(tmp_path / f"run2_{number}.npy", np.full((20, 20), float(number)))
        (tmp_path / f"snap_{number}").mkdir()
        np.save(tmp_path / f"snap_{number}" / "field.npy", np.full((20, 20), float(number)))
    for file in ("run2_*.npy", "snap_*/field.npy"):
        entry = {"file": file, "plate_scale": 0.1, "axis": "time", "held_out": 0.34}
        train, held_out = read_truth(tmp_path, entry)
        assert [[truth.image[0, 0] for truth in part] for part in (train, held_out)] == [[9, 10], [100]]


def test_layers_of_one_snapshot_cannot_be_parted_in_time(run):
    write_slice(run / "2D" / "tau_slice_0.100.000040", [OFFSET] * 8)
    with pytest.raises(ValueError, match=r"tau_slice_\* is several files of one snapshot"):
        read_truth(run, {"file": "2D/tau_slice_*", "axis": "time", "held_out": 0.5}, observable="magnetogram")


@pytest.mark.parametrize(
    ("file", "key"),
    [("2D/tau_slice_1.000.000000", "log_tau"), ("2D/I_out.000000", "log_tau"), ("3D/result_prim_5.024000", "level")],
)
def test_what_a_muram_file_does_not_take_is_named(run, file, key):
    with pytest.raises(ValueError, match=rf"is given \['{key}'\] in the recipe, but its kind takes"):
        read_truth(run, {"file": file, key: 1.0})


def test_layer_of_a_muram_cube(run):
    entry = {"file": "3D/result_prim_5.024000", "log_tau": -1, "grid": 24, "source": "mine"}
    (truth,), _ = read_truth(run, entry, observable="magnetogram")
    assert FIELD.min() < truth.image.min() < truth.image.max() < FIELD.max()
    assert truth.plate_scale == pytest.approx(angular_size(24 * u.km).value)
    assert truth.source == "mine"


def test_sidecar_as_a_file(tmp_path):
    write_sidecar(tmp_path)
    for observable, unit in (("continuum", ""), ("magnetogram", "G")):
        train, test = read_truth(
            tmp_path, {"file": "cube.toml", "axis": "time", "held_out": 0.5}, observable=observable
        )
        assert [(truth.source, truth.unit) for truth in train + test] == [("Bifrost", unit)] * 2
        assert len(train) == len(test) == 1


def test_hashes_are_recorded_whether_given_or_not(run, entry):
    del entry["sha256"]
    hashes = file_hashes(run, [entry, {"file": "2D/I_out.*"}, {"file": "3D/result_prim_5.024000"}])
    assert list(hashes)[:2] == ["file.fits", "2D/I_out.000000"]
    assert list(hashes)[-3:] == ["3D/result_prim_5.024000", "3D/tau.024000", "3D/Header.024000"]
    assert hashes["3D/tau.024000"] == sha256(run / "3D/tau.024000")
    assert len(hashes) == 1 + 5 + 1 + 3  # with the header that the slices share
    read_truth(run, {"file": "2D/I_out.*", "sha256": hashes})
    with pytest.raises(ValueError, match=r"expected 'sha256' to be a table of hashes"):
        read_truth(run, {"file": "2D/I_out.*", "sha256": "0" * 64})
    write_slice(run / "2D" / "I_out.000010", [2 * INTENSITY])
    with pytest.raises(ValueError, match=r"I_out\.000010 is not the recipe's: its SHA-256 is"):
        read_truth(run, {"file": "2D/I_out.*", "sha256": hashes})
    (run / "2D" / "I_out.000010").unlink()
    with pytest.raises(FileNotFoundError, match=r"hashes of \['2D/I_out\.000010'\], which are not in"):
        read_truth(run, {"file": "2D/I_out.*", "sha256": hashes})


def test_what_a_kind_of_file_does_not_take_is_refused(run, entry):
    write_sidecar(run)
    with pytest.raises(ValueError, match=r"is given \['periodic', 'plate_scale'\] in the recipe, but its kind takes"):
        read_truth(run, {"file": "2D/I_out.*", "plate_scale": 0.1, "periodic": False})
    with pytest.raises(ValueError, match=r"is given \['level'\] in the recipe, but its kind takes \[\]: remove them"):
        read_truth(run, {"file": "cube.toml", "level": 1.0}, observable="continuum")
    with pytest.raises(ValueError, match=r"is given \['log_tau', 'vertical'\]"):
        read_truth(run, entry | {"log_tau": -1.0, "vertical": 2})


def test_licences_are_the_recipe_s_or_the_sidecar_s(run, entry):
    write_sidecar(run)
    entries = [entry, {"file": "cube.toml"}, {"file": "2D/I_out.*", "licence": "CC0"}]
    assert licences(run, entries) == {"file.fits": "", "cube.toml": "CC BY 4.0", "2D/I_out.*": "CC0"}
    assert licences(run, [{"file": "cube.toml", "licence": "MIT"}]) == {"cube.toml": "MIT"}


def test_wrong_files_are_named(entry, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"other\.fits does not exist"):
        read_truth(tmp_path, entry | {"file": "other.fits"})
    with pytest.raises(FileNotFoundError, match=r"I_out\.\* does not exist"):
        read_truth(tmp_path, {"file": "I_out.*"})
    with pytest.raises(FileNotFoundError, match=r"file file\.fits, and no folder is given"):
        read_truth(None, entry)
    with pytest.raises(ValueError, match=r"file\.fits is not the recipe's"):
        read_truth(tmp_path, entry | {"sha256": "0" * 64})
    with pytest.raises(ValueError, match=r"prepare = 'nothing', expected one of \['as_is'"):
        read_truth(tmp_path, entry | {"prepare": "nothing"})
    with pytest.raises(ValueError, match=r"file\.fits has held_out = 2"):
        read_truth(tmp_path, entry | {"held_out": 2})
    fits.writeto(tmp_path / "cube.fits", np.zeros((2, 3, 4, 5)))
    with pytest.raises(ValueError, match=r"cube\.fits has 4 dimensions"):
        read_truth(tmp_path, entry | {"file": "cube.fits", "sha256": sha256(tmp_path / "cube.fits")})
    fits.writeto(tmp_path / "gaps.fits", np.array([[1, np.nan]]))
    with pytest.raises(ValueError, match=r"gaps\.fits has 1 pixels that are not finite, expected none"):
        read_truth(tmp_path, {"file": "gaps.fits", "plate_scale": 0.1})


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_shipped_recipes_name_their_files_by_hash(path):
    table = tomllib.loads(path.read_text())
    assert all(len(entry["sha256"]) == 64 for entry in table.get("files", []))
    if not DATA.is_dir():
        pytest.skip(f"the real data are not there: {DATA}")
    for entry in table.get("files", []):
        train, test = read_truth(DATA, entry, observable=table["observable"])
        assert len(train) == (entry["held_out"] < 1)
        assert len(test) == (entry["held_out"] != 0)


def test_synthetic_truth():
    continuum, field = (synthetic_truth(o, "network", seed=1, shape=(128, 128)) for o in ("continuum", "magnetogram"))
    assert continuum.periodic
    assert (continuum.unit, field.unit) == ("", "G")
    assert continuum.source == "synthetic network"
    assert continuum.image.mean() == pytest.approx(1, abs=0.1)
    assert field.image.min() < 0 or field.image.max() > 100
