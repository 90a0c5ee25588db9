"""Pairs of patches: both show the same piece of the Sun."""

import numpy as np
import pytest
from conftest import smooth_noise

from sunpy_enhance.optics import AiryPSF, WachterPSF, redegrade_image
from sunpy_enhance.training.patches import Patches, sample_patches
from sunpy_enhance.training.sources import Truth

OPTICS = {"psf": WachterPSF(), "target": AiryPSF(), "plate_scale": 0.504}


@pytest.mark.parametrize("periodic", [True, False])
def test_shapes_and_alignment(periodic):
    """Structure so large that no telescope changes it much: input pixels are the means of their four target pixels."""
    truth = Truth(1 + 0.1 * smooth_noise((600, 500), 25), 0.1, "smooth", periodic)
    patches = sample_patches(truth, 5, size=16, halo=6, rng=np.random.default_rng(0), **OPTICS)
    assert patches.inputs.shape == (5, 28, 28)
    assert patches.targets.shape == (5, 32, 32)
    assert patches.inputs.dtype == patches.targets.dtype == np.float32
    blocks = patches.targets.reshape(5, 16, 2, 16, 2).mean(axis=(2, 4))
    inner = patches.inputs[:, 6:-6, 6:-6]
    # Stray light takes some contrast even so: compare the shapes.
    for block, image in zip(blocks, inner, strict=True):
        assert np.corrcoef(block.ravel(), image.ravel())[0, 1] > 0.99
        shifted = np.corrcoef(block[:, 1:].ravel(), image[:, :-1].ravel())[0, 1]
        assert shifted < np.corrcoef(block[:, 1:].ravel(), image[:, 1:].ravel())[0, 1]


def test_targets_degrade_to_inputs():
    truth = Truth(1 + 0.1 * smooth_noise((1024, 1024), 4), 0.07, "fine", periodic=True)
    patches = sample_patches(truth, 3, size=64, halo=0, rng=np.random.default_rng(0), **OPTICS)
    for image, target in zip(patches.inputs, patches.targets, strict=True):
        error = (redegrade_image(target, 0.252) - image)[16:-16, 16:-16]
        assert error.std() < 0.05 * image.std()


@pytest.mark.parametrize(
    ("shape", "plate_scale", "periodic", "message"),
    [
        ((600, 600), 0.5, False, "coarse has 0.5 arcsec per pixel, expected at most 0.252"),
        ((600, 600), 48.0, True, "coarse has 48 arcsec per pixel"),
        ((600, 30), 0.1, False, "a part of truth coarse is 3 arcsec wide, expected at least 4.03, half a patch"),
    ],
)
def test_truth_that_holds_too_little_is_told(shape, plate_scale, periodic, message):
    truth = Truth(np.ones(shape), plate_scale, "coarse", periodic)
    with pytest.raises(ValueError, match=message):
        sample_patches(truth, 1, size=16, halo=6, rng=np.random.default_rng(0), **OPTICS)


def test_gain_scales_fluctuations_and_zoom_sizes():
    truth = Truth(1 + 0.1 * smooth_noise((512, 512), 8), 0.1, "noise", periodic=True)

    def targets(**ranges):
        rng = np.random.default_rng(0)
        return sample_patches(truth, 40, size=16, halo=0, rng=rng, **OPTICS, **ranges).targets

    plain = targets()
    assert targets(gain=(2.0, 2.0)).std() == pytest.approx(2 * plain.std(), rel=0.02)
    assert targets(gain=(2.0, 2.0)).mean() == pytest.approx(1, abs=0.02)
    gradients = [np.diff(t, axis=2).std() / t.std() for t in (plain, targets(zoom=(2.0, 2.0)))]
    assert gradients[1] == pytest.approx(gradients[0] / 2, rel=0.15)


def test_blur_widens_the_point_spread_function_and_nothing_else():
    truth = Truth(1 + 0.1 * smooth_noise((512, 512), 3), 0.1, "noise", periodic=True)
    settings = {"size": 24, "halo": 2} | OPTICS
    blurred, wider, plain = (
        sample_patches(truth, 3, rng=np.random.default_rng(0), blur=(factor, factor), **(settings | {"psf": psf}))
        for factor, psf in ((1.1, WachterPSF()), (1.0, WachterPSF(omega=2.2, width=3.74)), (1.0, WachterPSF()))
    )
    np.testing.assert_allclose(blurred.inputs, wider.inputs, atol=1e-5)
    assert blurred.inputs.std() < 0.98 * plain.inputs.std()
    np.testing.assert_array_equal(blurred.targets, plain.targets)


def test_a_field_keeps_its_sign_under_gain():
    truth = Truth(500 * smooth_noise((256, 256), 8) - 200, 0.1, "field", periodic=True)
    rng = [np.random.default_rng(0) for _ in range(2)]
    one, two = (
        sample_patches(truth, 4, size=8, halo=0, rng=r, gain=(g, g), **OPTICS)
        for r, g in zip(rng, (1.0, 0.5), strict=True)
    )
    np.testing.assert_allclose(two.targets, 0.5 * one.targets, atol=0.01)


@pytest.mark.parametrize("least", [-1.0, 1.0])
def test_gain_multiplies_a_field_whatever_its_sign(least):
    truth = Truth(np.abs(500 * smooth_noise((256, 256), 8)) + least, 0.1, "field", periodic=True, unit="G")
    one, two = (
        sample_patches(truth, 4, size=8, halo=0, rng=np.random.default_rng(0), gain=(g, g), **OPTICS)
        for g in (1.0, 0.5)
    )
    np.testing.assert_allclose(two.targets, 0.5 * one.targets, atol=0.01)


def test_select():
    """By indices or truth values."""
    numbers = np.arange(4, dtype=np.float32)
    patches = Patches(numbers.reshape(4, 1, 1), 10 * numbers.reshape(4, 1, 1), ["a", "b", "a", "c"])
    inside = np.isin(patches.sources, ["a", "d"])
    for others, chosen in (
        (patches.select(~inside), patches.select(inside)),
        (patches.select(np.array([1, 3])), patches.select(np.array([0, 2]))),
    ):
        assert (others.sources, chosen.sources) == (["b", "c"], ["a", "a"])
        np.testing.assert_array_equal(others.inputs.ravel(), [1, 3])
        np.testing.assert_array_equal(chosen.targets.ravel(), [0, 20])


def test_join():
    parts = [Patches(np.zeros((n, 4, 4)), np.zeros((n, 8, 8)), [str(n)] * n) for n in (1, 2)]
    both = Patches.join(parts)
    assert len(both) == 3
    assert both.sources == ["1", "2", "2"]
