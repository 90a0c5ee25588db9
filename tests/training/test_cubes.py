"""Cubes that a TOML file describes."""

import h5py
import numpy as np
import pytest
from layouts import SIDECAR, atmosphere, write_sidecar

import astropy.units as u

from sunpy_enhance.training.cubes import cube_files, read_cube, read_licence
from sunpy_enhance.training.truth import angular_size


@pytest.fixture
def sidecar(tmp_path):
    return write_sidecar(tmp_path)


def test_pair_that_a_sidecar_describes(sidecar):
    continuum, field = (read_cube(sidecar, observable) for observable in ("continuum", "magnetogram"))
    assert len(continuum) == len(field) == 2
    np.testing.assert_allclose(continuum[1].image.T, np.load(sidecar.with_name("intensity.npy"))[1] / 4e10)
    for seed in (0, 1):
        np.testing.assert_allclose(field[seed].image, atmosphere(seed=seed)[2](-1.0))
    for truth, unit in ((continuum[0], ""), (field[0], "G")):
        assert truth.image.shape == (11, 9)
        assert (truth.source, truth.licence, truth.unit, truth.periodic) == ("Bifrost", "CC BY 4.0", unit, True)
        assert truth.plate_scale == pytest.approx(angular_size(48 * u.km).value)


def test_files_of_a_sidecar(sidecar):
    assert [path.name for path in cube_files(sidecar)] == ["cube.toml", "intensity.npy", "field.h5", "tau.npy"]


def test_licence_of_a_sidecar(sidecar):
    assert read_licence(sidecar) == "CC BY 4.0"
    sidecar.write_text('code = "Bifrost"')
    assert read_licence(sidecar) == ""


def test_distance_and_plate_scale(sidecar):
    sidecar.write_text(SIDECAR.replace('grid = "48 km"', 'grid = "0.096 Mm"\ndistance = "0.5 AU"\nperiodic = false'))
    truth = read_cube(sidecar, "continuum")[0]
    assert truth.plate_scale == pytest.approx(4 * angular_size(48 * u.km).value)
    assert not truth.periodic
    sidecar.write_text(SIDECAR.replace('grid = "48 km"', "plate_scale = 0.07"))
    assert read_cube(sidecar, "continuum")[0].plate_scale == 0.07


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('grid = "48 km"', "", "has neither of 'plate_scale' and 'grid', expected one"),
        ('grid = "48 km"', 'grid = "48 km"\nplate_scale = 0.1', "has both of 'plate_scale' and 'grid', expected one"),
        ('grid = "48 km"', "plate_scale = 0.1\ndistance = 0.5", "'plate_scale' and 'distance', expected 'grid' with a"),
        ('"48 km"', '"48 s"', "'grid' is '48 s', expected a quantity that is convertible to km"),
        ('"48 km"', "-48", "'grid' is -48, expected more than zero"),
        ('unit = "1121 G"', "", "no 'unit', expected that of the field"),
        ('"1121 G"', '"Pa"', r"field\.h5 is in Pa, expected a unit of the magnetic field"),
        ('file = "tau.npy", ', "", "with an axis z also tau"),
        ("tau = {", "no_tau = {", r"unknown keys \['magnetogram.no_tau'\]"),
        ('file = "field.h5"', "", "has to name its 'file'"),
        ("-1.0", "9.0", r"field\.h5 with tau\.npy: log tau goes from"),
        ("txyz", "xyz", r"field\.h5 with tau\.npy: the cube is \(2, 9, 11, 30\)"),
        ('dataset = "Bz"', "", r"its data sets are \['By', 'Bz'\]"),
        ("[magnetogram]", "[field]", r"unknown keys \['field'\]"),
        ('"Bifrost"', "5", "code is 5, expected a text"),
        ('"48 km"', "[48, 48]", r"grid is \[48, 48\], expected a number, or a text with its unit"),
        ('"txyz"', '["t", "x"]', r"magnetogram.axes is \['t', 'x'\], expected a text"),
        ("-1.0", '"-1"', "magnetogram.log_tau is '-1', expected a number"),
        ("logarithmic = true", 'logarithmic = "yes"', "magnetogram.tau.logarithmic is 'yes', expected true or false"),
        ("tau = { file", "tau = 3 #", "magnetogram.tau is 3, expected a table"),
        ("[magnetogram]", "[magnetogram", "is no TOML file"),
        ("licence", "license", r"unknown keys \['license'\]"),
        ("log_tau", "tau_log", r"unknown keys \['magnetogram.tau_log'\]"),
        ("logarithmic", "log", r"unknown keys \['magnetogram.tau.log'\]"),
    ],
)
def test_faults_of_a_sidecar_are_named(sidecar, old, new, message):
    assert old in SIDECAR
    sidecar.write_text(SIDECAR.replace(old, new))
    with pytest.raises(ValueError, match=message):
        read_cube(sidecar, "magnetogram")


def test_a_gap_in_a_cube_is_named_by_its_file(sidecar):
    with h5py.File(sidecar.with_name("field.h5"), "r+") as file:
        file["Bz"][1, 4, 3, :] = np.nan
    with pytest.raises(ValueError, match=r"field\.h5 has 1 pixels that are not finite at the optical depth"):
        read_cube(sidecar, "magnetogram")


def test_the_observable_has_to_be_said_where_there_are_two(sidecar):
    with pytest.raises(ValueError, match="expected a table for the observable None"):
        read_cube(sidecar)
    sidecar.write_text(SIDECAR.partition("[magnetogram]")[0])
    assert read_cube(sidecar)[0].unit == ""
    with pytest.raises(
        ValueError, match=r"describes \['continuum'\], expected a table for the observable 'magnetogram'"
    ):
        read_cube(sidecar, "magnetogram")


def test_missing_files_are_named(sidecar):
    sidecar.with_name("tau.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"tau\.npy"):
        read_cube(sidecar, "magnetogram")
