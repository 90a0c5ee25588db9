"""Figures of restorations whose error is known."""

import numpy as np
import pytest
from conftest import smooth_noise
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

pytest.importorskip("skimage", reason="SSIM needs scikit-image")

from sunpy_enhance.validation.scores import POWER_BANDS, score

FINE = 0.252


@pytest.fixture(scope="module")
def truth():
    return np.stack([1 + 0.1 * smooth_noise((48, 40), 2, seed) for seed in range(4)]).astype(np.float32)


def white(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_a_shift_is_bias_and_nothing_else(truth):
    found = score(truth + 0.02, truth, FINE)
    assert found["rms"] == pytest.approx(0.02, rel=1e-5)
    assert found["bias"] == pytest.approx(0.02, rel=1e-5)
    assert found["psnr"] == pytest.approx(20 * np.log10(np.ptp(truth) / 0.02), rel=1e-5)
    assert found["net_flux"] == pytest.approx(0.02 / truth.mean(dtype=float), rel=1e-5)
    for key in ("contrast", "correlation", *POWER_BANDS):
        assert found[key] == pytest.approx(1, abs=1e-6)
    assert 0.9 < found["ssim"] < 1


@given(gain=st.floats(0.3, 3))
def test_a_gain_is_contrast_and_power(gain):
    field = np.stack([300 * smooth_noise((32, 36), 1, seed) for seed in range(3)])
    found = score(gain * field, field, FINE)
    assert found["contrast"] == pytest.approx(gain)
    assert found["flux"] == pytest.approx(gain)
    assert found["correlation"] == pytest.approx(1)
    for band in POWER_BANDS:
        assert found[band] == pytest.approx(gain**2)


@given(hnp.array_shapes(min_dims=3, max_dims=3, min_side=11, max_side=24))
def test_figures_of_noise_are_finite_for_any_shape(shape):
    images = white((2, *shape))
    found = score(images[0], images[1], FINE)
    assert all(np.isfinite(value) for value in found.values())
    assert -1 <= found["ssim"] <= 1
    assert found["rms"] == pytest.approx(np.sqrt(2), rel=0.25)


def test_net_flux_and_unsigned_flux_of_a_field_differ():
    field = np.stack([300 * smooth_noise((32, 32), 2)])
    field -= field.mean()
    turned = score(-field, field, FINE)
    assert turned["flux"] == pytest.approx(1)
    assert turned["net_flux"] == pytest.approx(0, abs=1e-6)
    assert turned["correlation"] == pytest.approx(-1)
    stronger = score(np.where(field > 0, 1.1, 1.0) * field, field, FINE)
    assert stronger["flux"] == pytest.approx(1.05)
    assert stronger["net_flux"] == pytest.approx(0.05)


@pytest.mark.parametrize("band", POWER_BANDS)
def test_a_wave_is_in_its_band(band):
    n = 96
    low, high = POWER_BANDS[band]
    cycles = round((low + high) / 2 * n * FINE)
    wave = np.sin(2 * np.pi * cycles * np.arange(n) / n)[None, :, None] * np.ones((1, 1, n))
    background = 0.1 * white((1, n, n))
    found = score(background + wave, background, FINE)
    assert found[band] > 10 * max(found[other] for other in POWER_BANDS if other != band)


def test_blurring_takes_the_small_scales_first():
    image = white((3, 96, 96))
    blurred = np.stack([ndimage.gaussian_filter(one, 1, mode="wrap") for one in image])
    found = score(blurred, image, FINE)
    # Halves of the power spectrum of white noise: that of the Gaussian squared, about the middle of the band.
    ratios = [found[band] for band in POWER_BANDS]
    assert 1 > ratios[0] > ratios[1] > ratios[2]
    for ratio, (low, high) in zip(ratios, POWER_BANDS.values(), strict=True):
        least, most = (np.exp(-((2 * np.pi * q * FINE) ** 2)) for q in (high, low))
        assert least < ratio < most


def test_similarity_is_that_of_the_paper():
    """Against the formula of Wang et al. (2004), written down here, away from the borders that skimage leaves out."""
    one, two = 0.3 * white((2, 40, 40)) + smooth_noise((40, 40), 3)
    peak = np.ptp(two)

    def mean(image):
        return ndimage.gaussian_filter(image, 1.5, truncate=3.5)

    m1, m2 = mean(one), mean(two)
    v1, v2, cov = mean(one**2) - m1**2, mean(two**2) - m2**2, mean(one * two) - m1 * m2
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    ssim = (2 * m1 * m2 + c1) * (2 * cov + c2) / ((m1**2 + m2**2 + c1) * (v1 + v2 + c2))
    assert score(one[None], two[None], FINE)["ssim"] == pytest.approx(ssim[5:-5, 5:-5].mean(), rel=1e-6)


@pytest.mark.parametrize("shape", [(3, 20, 10), (20, 20)])
def test_images_too_small_or_alone_are_refused(shape):
    with pytest.raises(ValueError, match="expected the same"):
        score(np.ones(shape), np.ones(shape), FINE)
