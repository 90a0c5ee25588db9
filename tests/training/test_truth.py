"""The form of the truth, and its units."""

import numpy as np
import pytest

import astropy.units as u

from sunpy_enhance.training.truth import Truth, angular_size, calibrate

IMAGE = np.array([[1.0, 2.0], [3.0, 2.0]])


def test_gaps_are_refused():
    with pytest.raises(ValueError, match="gappy: the image has pixels that are not finite"):
        Truth(np.array([[1.0, np.nan]]), 0.1, "gappy")


def test_angular_size_is_that_of_the_sun():
    # The Sun's radius is seen under 959.63 arcsec from 1 au (Allen's Astrophysical Quantities).
    assert angular_size(695_660 * u.km).to_value(u.arcsec) == pytest.approx(959.2, abs=0.5)
    assert angular_size(48 * u.km, 0.5 * u.au).value == pytest.approx(2 * angular_size(48 * u.km).value)
    with pytest.raises(u.UnitsError):
        angular_size(48 * u.s)


@pytest.mark.parametrize(
    ("unit", "factor"), [("", 1), ("G", 1), ("Mx/cm^2", 1), ("kG", 1e3), ("T", 1e4), ("1121 G", 1121)]
)
def test_fields_come_to_gauss(unit, factor):
    np.testing.assert_allclose(calibrate(IMAGE, "magnetogram", "file", unit=unit), factor * IMAGE)


def test_intensities_come_to_the_quiet_sun():
    assert calibrate(IMAGE, "continuum", "file") is IMAGE
    np.testing.assert_allclose(calibrate(IMAGE, "continuum", "file", level="mean"), IMAGE / 2)
    np.testing.assert_allclose(calibrate(IMAGE, "continuum", "file", unit="DN/s", level=4), IMAGE / 4)


def test_wrong_units_are_named():
    with pytest.raises(ValueError, match=r"field\.npy is in DN/s, expected a unit of the magnetic field"):
        calibrate(IMAGE, "magnetogram", "field.npy", unit="DN/s")
    with pytest.raises(ValueError, match="is in nonsense, expected"):
        calibrate(IMAGE, "magnetogram", "field.npy", unit="nonsense")
    with pytest.raises(ValueError, match=r"field\.npy is in kG, expected an intensity"):
        calibrate(IMAGE, "continuum", "field.npy", unit="kG")
    with pytest.raises(ValueError, match=r"level of the quiet Sun is 0, expected a positive"):
        calibrate(IMAGE, "continuum", "image.npy", level=0)
    with pytest.raises(ValueError, match=r"level of the quiet Sun is -2\.0"):
        calibrate(-IMAGE, "continuum", "image.npy", level="mean")
    with pytest.raises(ValueError, match=r"level of the quiet Sun is 'median', expected a positive"):
        calibrate(IMAGE, "continuum", "image.npy", level="median")
