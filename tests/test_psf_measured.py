"""A measured PSF: read, checked, centred, transformed."""

import hashlib
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import astropy.units as u
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

from sunpy_enhance.optics import (
    MeasuredPSF,
    WachterPSF,
    degrade,
    encircled_energy,
    psf_from_card,
    transfer_function,
)


def gaussian(shape=(48, 60), center=(29.5, 23.5), sigma=(3.0, 2.0)):
    """Elliptical, with (x, y) of its centre and widths in pixels."""
    y, x = np.indices(shape)
    return np.exp(-(((x - center[0]) / sigma[0]) ** 2 + ((y - center[1]) / sigma[1]) ** 2) / 2)


@given(
    st.tuples(st.integers(40, 70), st.integers(40, 70)),
    st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    st.floats(0.05, 1),
    st.tuples(st.integers(9, 40), st.integers(9, 40)),
)
def test_transfer_of_an_ellipse_is_the_known_one_wherever_it_lies(shape, shift, plate_scale, wanted_shape):
    """Real and centred, by the centroid, at any shape and sub-pixel position."""
    center = (shape[1] / 2 + shift[0], shape[0] / 2 + shift[1])
    psf = MeasuredPSF(gaussian(shape, center), plate_scale)
    np.testing.assert_allclose(psf.center, center, atol=1e-6)
    values = transfer_function(psf, wanted_shape, plate_scale)
    qy = np.fft.fftfreq(wanted_shape[0])[:, None]
    qx = np.fft.rfftfreq(wanted_shape[1])
    wanted = np.exp(-2 * np.pi**2 * ((3 * qx) ** 2 + (2 * qy) ** 2))
    np.testing.assert_allclose(values, wanted, atol=2e-5)


def test_transfer_is_the_sum_over_the_pixels():
    rng = np.random.default_rng(0)
    image = gaussian((41, 50), (24, 20), (4, 5)) * (1 + 0.4 * rng.random((41, 50)))
    psf = MeasuredPSF(image, 0.2, center=(24, 20))
    qx, qy = 0.31, -0.47
    y, x = np.indices(image.shape)
    wanted = np.sum(image * np.exp(-2j * np.pi * 0.2 * (qx * (x - 24) + qy * (y - 20)))) / image.sum()
    assert psf.transfer_xy(qx / u.arcsec, qy / u.arcsec) == pytest.approx(wanted, abs=1e-5)
    assert psf.transfer_xy(3 / u.arcsec, 0 / u.arcsec) == 0


def test_degrading_a_point_gives_the_psf_where_it_is_centred():
    image = gaussian((32, 32), (16, 14), (3, 2)) + 0.5 * gaussian((32, 32), (19, 17), (2, 2))
    point = np.zeros((64, 64), np.float32)
    point[30, 40] = 1
    seen = degrade(point, MeasuredPSF(image, 0.1, center=(16, 14)), 0.1, periodic=True)
    np.testing.assert_allclose(seen[30 - 14 : 30 + 18, 40 - 16 : 40 + 16], image / image.sum(), atol=1e-5)


def test_a_sampled_analytic_psf_is_what_it_was_sampled_from():
    y, x = (np.indices((401, 401)) - 200) * 0.2
    with pytest.warns(AstropyUserWarning, match="not zero at its border"):
        measured = MeasuredPSF(WachterPSF().profile(np.hypot(y, x) * u.arcsec).value, 0.2)
    # The halo outside, 1.1 % of the energy, is missing: everything else is larger by that.
    q = np.array([0.1, 0.3, 0.6])
    np.testing.assert_allclose(
        measured.transfer_xy(q / u.arcsec, 0 / u.arcsec), WachterPSF().transfer(q / u.arcsec), atol=0.012
    )
    radius = [0.5, 1, 2, 10] * u.arcsec
    np.testing.assert_allclose(encircled_energy(measured, radius), encircled_energy(WachterPSF(), radius), atol=0.012)


def test_encircled_energy_counts_the_pixels():
    psf = MeasuredPSF(gaussian(), 0.25)
    y, x = np.indices((48, 60))
    inside = np.hypot(x - 29.5, y - 23.5) < 6
    assert encircled_energy(psf, 1.5 * u.arcsec) == pytest.approx(gaussian()[inside].sum() / gaussian().sum(), abs=0.01)
    assert encircled_energy(psf, 6 * u.arcsec) == pytest.approx(1, abs=1e-3)


def test_from_fits(tmp_path):
    path = tmp_path / "psf.fits"
    header = fits.Header({"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN", "CDELT1": 0.25, "CDELT2": 0.25})
    header["CUNIT1"] = header["CUNIT2"] = "arcsec"
    fits.writeto(path, gaussian().astype(np.float32), header)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    psf = MeasuredPSF.from_fits(path, sha256=sha256)
    assert psf.plate_scale == pytest.approx(0.25)
    assert psf.image.sum() == pytest.approx(1)
    assert MeasuredPSF.from_fits(path, plate_scale=0.1 * u.arcsec).plate_scale == pytest.approx(0.1)
    card = psf_from_card("measured", file="psf.fits", sha256=sha256, center=[29, 23], directory=tmp_path)
    assert card.center == (29, 23)
    with pytest.raises(ValueError, match="it is not the file that was named"):
        MeasuredPSF.from_fits(path, sha256="0" * 64)
    with pytest.raises(ValueError, match="needs its file and sha256"):
        psf_from_card("measured", file="psf.fits", sha256=sha256)


@pytest.mark.parametrize("extension", [3, "PSF"])
def test_an_extension_that_there_is_not_is_told(tmp_path, extension):
    fits.writeto(tmp_path / "psf.fits", gaussian())
    with pytest.raises(ValueError, match=rf"has no image in extension {extension!r}"):
        MeasuredPSF.from_fits(tmp_path / "psf.fits", extension=extension)


def test_the_first_image_is_found_in_an_extension(tmp_path):
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(gaussian())]).writeto(tmp_path / "psf.fits")
    psf = MeasuredPSF.from_fits(tmp_path / "psf.fits", plate_scale=0.25 * u.arcsec)
    np.testing.assert_array_equal(psf.image, MeasuredPSF(gaussian(), 0.25).image)
    table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=np.zeros(2))])
    third = fits.HDUList([fits.PrimaryHDU(), table, fits.ImageHDU(), fits.ImageHDU(gaussian())])
    third.writeto(tmp_path / "third.fits")
    other = MeasuredPSF.from_fits(tmp_path / "third.fits", plate_scale=0.25 * u.arcsec)
    np.testing.assert_array_equal(other.image, psf.image)
    fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
    with pytest.raises(ValueError, match=r"empty\.fits has no image in any extension"):
        MeasuredPSF.from_fits(tmp_path / "empty.fits")


def test_a_file_that_is_no_psf_is_named(tmp_path):
    path = tmp_path / "psf.fits"
    path.write_bytes(b"not FITS at all")
    with pytest.raises(ValueError, match=r"psf\.fits cannot be read, expected a whole FITS file"):
        MeasuredPSF.from_fits(path)
    fits.writeto(path, np.full((40, 40), np.nan), overwrite=True)
    with pytest.raises(ValueError, match=r"psf\.fits: the PSF has 1600 pixels that are not finite"):
        MeasuredPSF.from_fits(path, plate_scale=0.25 * u.arcsec)
    for center in ([1, 2, 3], 5.0):
        with pytest.raises(ValueError, match=rf"the PSF's centre is {re.escape(str(center))}, expected \(x, y\)"):
            MeasuredPSF(gaussian(), 0.25, center)


def test_from_fits_needs_a_plate_scale(tmp_path):
    fits.writeto(tmp_path / "bare.fits", gaussian())
    with pytest.raises(ValueError, match="give plate_scale"):
        MeasuredPSF.from_fits(tmp_path / "bare.fits")
    header = fits.Header({"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN", "CDELT1": 0.25, "CDELT2": 0.3})
    fits.writeto(tmp_path / "oblong.fits", gaussian(), header)
    with pytest.raises(ValueError, match="expected square ones"):
        MeasuredPSF.from_fits(tmp_path / "oblong.fits")
    header["CDELT2"] = 0.25
    fits.writeto(tmp_path / "unitless.fits", gaussian(), header)
    with pytest.raises(ValueError, match=r"has pixels of 900 x 900 arcsec by its CDELT and CUNIT .*: give plate_scale"):
        MeasuredPSF.from_fits(tmp_path / "unitless.fits")
    psf = MeasuredPSF.from_fits(tmp_path / "unitless.fits", plate_scale=0.25 * u.arcsec)
    assert psf.plate_scale == pytest.approx(0.25)


def with_pixel(value):
    image = gaussian()
    image[5, 5] = value
    return image


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.ones(40), "shape"),
        (np.ones((4, 40)), "at least 8 x 8"),
        (with_pixel(np.nan), "1 pixels that are not finite"),
        (gaussian() - 0.01, "negative pixels"),
        (-gaussian(), "negative pixels"),
        (np.zeros((20, 20)), "positive sum"),
        (gaussian() + 0.02, "subtract the background"),
        (np.fft.ifftshift(gaussian()), "fftshift"),
    ],
)
def test_what_cannot_be_a_psf_is_refused(image, message):
    with pytest.raises(ValueError, match=message):
        MeasuredPSF(image, 0.25)


def test_noise_about_zero_is_accepted():
    noise = np.random.default_rng(0).normal(0, 2e-4, (48, 60))
    psf = MeasuredPSF(gaussian() + noise, 0.25)
    np.testing.assert_allclose(psf.center, (29.5, 23.5), atol=0.5)


def test_centre_as_an_array():
    assert MeasuredPSF(gaussian(), 0.25, np.array([29.0, 23.0])).center == (29, 23)


def test_bad_scale_and_centre_are_refused():
    with pytest.raises(ValueError, match="plate scale is 0.25 arcsec, expected a positive number"):
        MeasuredPSF(gaussian(), 0.25 * u.arcsec)
    with pytest.raises(ValueError, match="plate scale is -1"):
        MeasuredPSF(gaussian(), -1)
    with pytest.raises(ValueError, match="centre is"):
        MeasuredPSF(gaussian(), 0.25, center=(70, 10))


def test_coarse_sampling_is_told():
    with pytest.warns(AstropyUserWarning, match="Nyquist frequency"):
        MeasuredPSF(gaussian(sigma=(0.5, 0.5)), 0.25)
