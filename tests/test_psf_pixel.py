"""The detector's pixel."""

import numpy as np
import pytest
from scipy import integrate

import astropy.units as u

from sunpy_enhance.optics import (
    AiryPSF,
    MeasuredPSF,
    PixelPSF,
    WachterPSF,
    YeoPSF,
    degrade,
    encircled_energy,
    psf_from_card,
    redegrade_image,
    transfer_function,
)


def test_a_pixel_takes_the_mean_over_its_area():
    """On a grid of which it holds 5 x 5 points, against the mean of the optics' image over them."""
    rng = np.random.default_rng(0)
    image = degrade(rng.standard_normal((200, 180)), AiryPSF(0.14), 0.1, periodic=True)
    seen = degrade(image, PixelPSF(AiryPSF(2.0), 0.5), 0.1, periodic=True)
    blurred = degrade(image, AiryPSF(2.0), 0.1, periodic=True)
    # The exact mean of a band-limited image over 0.5 arcsec along an axis, from many shifted copies.
    shifts = (np.arange(64) + 0.5) / 64 * 0.5 - 0.25
    qy, qx = np.fft.fftfreq(200, 0.1)[:, None], np.fft.rfftfreq(180, 0.1)
    mean = [np.exp(2j * np.pi * q * shifts[:, None, None]).mean(axis=0) for q in (qy, qx)]
    wanted = np.fft.irfft2(np.fft.rfft2(blurred) * mean[0] * mean[1], s=image.shape)
    np.testing.assert_allclose(seen, wanted, atol=3e-4 * image.std())


@pytest.mark.parametrize("optics", [WachterPSF(), YeoPSF()])
def test_transfer_has_the_first_zero_of_the_pixel(optics):
    psf = PixelPSF(optics, 0.504)
    zero = 0 / u.arcsec
    assert psf.transfer_xy(zero, zero) == pytest.approx(1, abs=1e-6)
    assert abs(psf.transfer_xy(1 / 0.504 / u.arcsec, zero)) < 1e-12
    # Not round: along the diagonal a pixel passes more at this frequency.
    q = 1.2
    side = np.abs(psf.transfer_xy(q / u.arcsec, zero))
    diagonal = np.abs(psf.transfer_xy(q / np.sqrt(2) / u.arcsec, q / np.sqrt(2) / u.arcsec))
    if optics.round:
        assert diagonal > 1.02 * side
    assert not psf.round
    assert psf.symmetric == optics.round


def test_transfer_function_is_real_where_the_optics_are_symmetric():
    assert transfer_function(PixelPSF(WachterPSF(), 0.504), (20, 22), 0.25).dtype == np.float32
    assert transfer_function(PixelPSF(YeoPSF(), 0.504), (20, 22), 0.25).dtype == np.complex64


@pytest.mark.parametrize("pixel", [0.504, 2.0])
def test_encircled_energy_of_next_to_perfect_optics_is_that_of_a_square(pixel):
    psf = PixelPSF(AiryPSF(8.0), pixel)
    radius = 0.4 * pixel
    assert encircled_energy(psf, radius * u.arcsec) == pytest.approx(np.pi * 0.4**2, abs=0.01)


@pytest.mark.parametrize("pixel", [0.504, 2.0])
def test_encircled_energy_of_a_pixel_alone_is_that_of_a_square(pixel):
    psf = psf_from_card("delta", pixel=pixel)
    # Where the circle is within the square, and where it has all of it.
    radius = np.array([0.1, 0.4, 0.8, 3.0])
    wanted = np.minimum(np.pi * radius**2, 1)
    np.testing.assert_allclose(encircled_energy(psf, pixel * radius * u.arcsec), wanted, atol=1e-3)


def test_encircled_energy_falls_by_the_pixel():
    radius = [0.3, 0.6, 1.2] * u.arcsec
    for optics in (WachterPSF(), YeoPSF()):
        assert (encircled_energy(PixelPSF(optics, 0.504), radius) < encircled_energy(optics, radius)).all()


def test_mean_transfer_is_the_mean_over_all_directions():
    psf = PixelPSF(AiryPSF(), 1.0)
    for q in (0.3, 1.1, 1.9):
        mean, _ = integrate.quad(
            lambda a, q=q: float(psf.transfer_xy(q * np.cos(a) / u.arcsec, q * np.sin(a) / u.arcsec)), 0, np.pi / 2
        )
        assert psf.mean_transfer(q / u.arcsec) == pytest.approx(mean * 2 / np.pi, abs=1e-6)


def test_a_measured_psf_takes_a_pixel_too():
    y, x = np.indices((40, 40)) - 19.5
    image = np.exp(-(x**2 + y**2) / 18)
    psf = PixelPSF(MeasuredPSF(image, 0.2), 0.5)
    value = psf.transfer_xy(0.3 / u.arcsec, 0 / u.arcsec)
    assert value == pytest.approx(np.exp(-2 * np.pi**2 * 0.6**2 * 0.3**2) * np.sinc(0.15), abs=1e-4)
    assert encircled_energy(psf, 10 * u.arcsec) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("psf", [PixelPSF(WachterPSF(), 0.504), YeoPSF()])
def test_redegrading_with_a_psf_that_is_not_round(psf):
    """What 28 cm show, degraded again, is what the telescope shows, at the centres of blocks of pixels."""
    rng = np.random.default_rng(1)
    image = degrade(rng.standard_normal((160, 160)).repeat(2, 0).repeat(2, 1), AiryPSF(), 0.252, periodic=True)
    found = redegrade_image(image, 0.252, psf=psf)
    relative = transfer_function(psf, image.shape, 0.252) / np.maximum(
        transfer_function(AiryPSF(), image.shape, 0.252), 1e-3
    )
    half = np.exp(1j * np.pi * (np.fft.fftfreq(320)[:, None] + np.fft.rfftfreq(320)))
    wanted = np.fft.irfft2(np.fft.rfft2(image) * relative * half, s=image.shape)[::2, ::2]
    inside = np.s_[50:-50, 50:-50]
    assert np.abs(found - wanted)[inside].max() < 0.03 * wanted.std()


def test_card():
    psf = psf_from_card("wachter2012", pixel=0.504)
    assert psf == PixelPSF(WachterPSF(omega=1.8, width=3.0), 0.504)
    with pytest.raises(ValueError, match="pixel is 0"):
        psf_from_card("airy", pixel=0)


@pytest.mark.parametrize(("optics", "found"), [("airy", "a str"), (AiryPSF, "the class AiryPSF")])
def test_optics_that_are_no_psf_are_refused(optics, found):
    with pytest.raises(TypeError, match=f"optics is {found}, expected a PSF of sunpy_enhance.optics"):
        PixelPSF(optics, 0.504)
