"""By how much sigma has to be larger at the border of a frame."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch")

from sunpy_enhance.training.border import border_factors
from sunpy_enhance.training.patches import Patches

HALO, SIZE = 3, 30


def patches_of(errors, around=1e3):
    """Frames of zeros amid something else, and a truth that differs from them by the errors."""
    inputs = np.full((len(errors), SIZE + 2 * HALO, SIZE + 2 * HALO), around, np.float32)
    inputs[:, HALO:-HALO, HALO:-HALO] = 0
    return Patches(inputs, errors.astype(np.float32), ["a"] * len(errors))


def nearest(images):
    """Nearest neighbours, with a sigma of 1."""
    assert np.abs(images).max() < 100  # what lies around a frame is not seen
    inner = images[:, HALO:-HALO, HALO:-HALO].repeat(2, axis=1).repeat(2, axis=2)
    return inner, np.ones_like(inner)


@pytest.mark.parametrize(("wider", "found"), [([2.0, 1.3], [2.0, 1.3]), ([1.0, 1.0, 1.5], [1.0, 1.0, 1.5]), ([], [])])
def test_factors_are_found(wider, found):
    errors = np.random.default_rng(0).standard_normal((60, 2 * SIZE, 2 * SIZE))
    for ring, factor in enumerate(wider):
        one = np.zeros((SIZE, SIZE), bool)
        one[ring : SIZE - ring, ring : SIZE - ring] = True
        one[ring + 1 : SIZE - ring - 1, ring + 1 : SIZE - ring - 1] = False
        errors *= np.where(one, factor, 1.0).repeat(2, axis=0).repeat(2, axis=1)
    factors = border_factors(nearest, patches_of(errors), 0.0, halo=HALO, seed=1)
    assert len(factors) == len(found)
    np.testing.assert_allclose(factors, found, atol=0.05)


def test_noise_is_of_the_frame_and_mirrored_with_it():
    seen = []

    def restore(images):
        seen.append(images)
        return nearest(images)

    border_factors(restore, patches_of(np.ones((3, 2 * SIZE, 2 * SIZE))), 0.1, halo=HALO, seed=1)
    (images,) = seen
    inner = images[:, HALO:-HALO, HALO:-HALO]
    assert inner.std() == pytest.approx(0.1, rel=0.1)
    np.testing.assert_array_equal(images, np.pad(inner, ((0, 0), (HALO,) * 2, (HALO,) * 2), mode="symmetric"))


def test_small_patches_tell_nothing():
    patches = Patches(np.zeros((2, 30, 30), np.float32), np.zeros((2, 48, 48), np.float32), ["a"] * 2)
    assert border_factors(nearest, patches, 0.0, halo=HALO, seed=1) == []
