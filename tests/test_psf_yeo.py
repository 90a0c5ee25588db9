"""The sum of guided Gaussians: its transform, its energy, its direction."""

import numpy as np
import pytest
from scipy import fft

import astropy.units as u

from sunpy_enhance.optics import YeoPSF, degrade, encircled_energy, psf_from_card, transfer_function

# The guided terms point every way at the origin, which no grid samples: transforms agree to its few pixels there.
CORE = YeoPSF(weights=(0.7, 0.3), sigmas=(0.5, 1.2), amplitudes=(0.4, 0.8), orders=(1, 2), phases=(-1.85, 2.6))


def sampled(psf, size, step):
    axis = (np.arange(size) - size // 2) * step
    r = np.hypot(axis[:, None], axis)
    phi = np.arctan2(axis[:, None], axis)
    return psf.profile(r * u.arcsec, phi * u.rad).value * step**2


@pytest.mark.parametrize("psf", [CORE, YeoPSF(CORE.weights, CORE.sigmas, CORE.amplitudes, (3, 4), CORE.phases, 25.0)])
def test_transfer_is_the_transform_of_the_profile(psf):
    image = sampled(psf, 512, 0.03)
    numeric = fft.rfft2(fft.ifftshift(image))
    analytic = transfer_function(psf, image.shape, 0.03)
    assert analytic.dtype == np.complex64
    assert np.abs(analytic.imag).max() > 0.01
    np.testing.assert_allclose(analytic, numeric, atol=1e-3)


def test_unit_energy_and_real_images():
    assert sampled(YeoPSF(), 1200, 0.25).sum() == pytest.approx(1, abs=3e-3)
    zero = 0 / u.arcsec
    assert YeoPSF().transfer_xy(zero, zero) == pytest.approx(1)
    q = np.array([0.1, 0.4]) / u.arcsec
    np.testing.assert_allclose(YeoPSF().transfer_xy(-q, -q), YeoPSF().transfer_xy(q, q).conj())


def test_published_weights_add_up_to_one():
    assert sum(YeoPSF().weights) == pytest.approx(1, abs=5e-4)


def test_it_is_nowhere_negative():
    assert sampled(YeoPSF(), 400, 0.3).min() >= 0


def test_encircled_energy_is_that_of_the_gaussians():
    psf, radius = YeoPSF(), np.array([0.3, 1, 4, 20, 60])
    wanted = sum(w * (1 - np.exp(-((radius / s) ** 2) / 2)) for w, s in zip(psf.weights, psf.sigmas, strict=True))
    np.testing.assert_allclose(encircled_energy(psf, radius * u.arcsec), wanted / sum(psf.weights), atol=1e-5)


def test_mean_transfer_is_the_mean_over_all_directions():
    angle = np.arange(360) * u.deg
    for q in (0.05, 0.3, 1.0) / u.arcsec:
        mean = YeoPSF().transfer_xy(q * np.cos(angle), q * np.sin(angle)).mean()
        assert YeoPSF().mean_transfer(q) == pytest.approx(mean, abs=1e-6)


def test_convolution_moves_light_the_way_the_psf_points():
    """Rows are y, columns are x: a PSF that points towards +x moves the centroid to higher columns."""
    towards_x = YeoPSF((1,), (1.0,), (1.0,), (1,), (0.0,))
    image = np.zeros((128, 128), np.float32)
    image[64, 64] = 1
    for psf, moved in ((towards_x, (64, 66.5)), (YeoPSF((1,), (1.0,), (1.0,), (1,), (0.0,), 90.0), (66.5, 64))):
        seen = degrade(image, psf, 0.25, periodic=True)
        # The mean of theta cos^2(phi) over a Gaussian: sqrt(pi/2) / 2 = 0.627 arcsec = 2.507 pixels.
        centroid = [(seen.sum(axis=1 - axis) * np.arange(128)).sum() / seen.sum() for axis in (0, 1)]
        np.testing.assert_allclose(centroid, moved, atol=0.02)


def test_card():
    assert psf_from_card("yeo") == YeoPSF()
    assert psf_from_card("yeo", rotation=180.0).rotation == 180


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": (1.0,)}, "terms"),
        ({"sigmas": (0.0, 1, 2, 3, 4)}, "sigmas"),
        ({"amplitudes": (1.5, 0, 0, 0, 0)}, "amplitudes"),
        ({"orders": (0, 1, 1, 1, 1)}, "orders"),
    ],
)
def test_impossible_terms_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        YeoPSF(**changes)
