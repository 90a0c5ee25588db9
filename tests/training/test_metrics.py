"""Figures of restorations whose error is known."""

import numpy as np
import pytest
from conftest import smooth_noise
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

torch = pytest.importorskip("torch", reason="training needs PyTorch")

from sunpy_enhance.optics import AiryPSF, WachterPSF  # noqa: E402
from sunpy_enhance.training.dataset import Patches, sample_patches  # noqa: E402
from sunpy_enhance.training.metrics import POWER_BANDS, evaluate, oddness, score  # noqa: E402
from sunpy_enhance.training.networks import Hybrid  # noqa: E402
from sunpy_enhance.training.sources import Truth  # noqa: E402

FINE = 0.252


@pytest.fixture(scope="module")
def truth():
    return np.stack([1 + 0.1 * smooth_noise((48, 40), 2, seed) for seed in range(4)]).astype(np.float32)


def white(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


class Answers:
    """A method that gives what it was told to, with an error."""

    halo = 0

    def __init__(self, targets, change):
        self.targets, self.change, self.given = targets, change, 0

    def __call__(self, images):
        part = self.targets[self.given : self.given + len(images)]
        self.given += len(images)
        return torch.from_numpy(self.change(part).astype(np.float32))[:, None]


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


@pytest.fixture(scope="module")
def patches():
    """Of a periodic image without anything that HMI does not pass, in two sources."""
    parts = []
    for seed, name in enumerate("ab"):
        image = 1 + 0.1 * smooth_noise((400, 400), 6, seed)
        optics = {"psf": WachterPSF(), "target": AiryPSF(), "plate_scale": 0.504}
        source = Truth(image, 0.1, name, periodic=True)
        parts.append(sample_patches(source, 5, size=16, halo=4, rng=np.random.default_rng(seed), **optics))
    return Patches.join(parts)


def test_truth_leaves_the_noise_as_residual(patches):
    noise = 3e-3
    exact = Answers(patches.targets, lambda part: part + 1e-7)
    metrics = evaluate({"exact": exact}, patches, noise, chunk=3)
    assert set(metrics) == {"a", "b"}
    for methods in metrics.values():
        assert methods["exact"]["residual"] == pytest.approx(noise, rel=0.05)
        assert methods["exact"]["rms"] < 1e-6
        assert methods["bicubic"]["residual"] > 2 * noise


def test_a_constant_error_is_the_residual(patches):
    shifted = Answers(patches.targets, lambda part: part + 0.03)
    for methods in evaluate({"shifted": shifted}, patches, 0.0).values():
        assert methods["shifted"]["residual"] == pytest.approx(0.03, rel=1e-3)
        assert methods["shifted"]["bias"] == pytest.approx(0.03, rel=1e-3)


def test_residual_is_of_the_optics_that_are_given(patches):
    rough = Answers(patches.targets, lambda part: part + 0.03 * white(part.shape))
    sharper = {"psf": WachterPSF(omega=1.0, width=1.0)}
    one = evaluate({"rough": rough}, patches, 0.0)
    other = evaluate({"rough": Answers(rough.targets, rough.change)}, patches, 0.0, **sharper)
    assert other["a"]["rough"]["residual"] > 1.5 * one["a"]["rough"]["residual"]
    assert other["a"]["rough"]["rms"] == one["a"]["rough"]["rms"]


def test_noise_is_the_same_for_every_method_and_seed_decides_it(patches):
    runs = [evaluate({}, patches, 0.1, seed=seed)["a"]["bicubic"]["rms"] for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


def test_odd_networks_are_odd_and_others_are_not():
    torch.manual_seed(0)
    images = 100 * torch.randn(3, 1, 24, 24)
    odd, other = (Hybrid(8, 1, narrow=7, wide=0, odd=odd, constant=1000.0) for odd in (True, False))
    for network in (odd, other):
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    assert oddness(odd, images) < 1e-2
    assert oddness(other, images) > 1
    assert oddness(lambda field: field + 7, images) == pytest.approx(14)


def test_a_halo_that_the_patches_lack_is_refused(patches):
    wide = Answers(patches.targets, lambda part: part)
    wide.halo = 5
    with pytest.raises(ValueError, match="wide needs 5 pixels .* have 4"):
        evaluate({"wide": wide}, patches, 0.0)
