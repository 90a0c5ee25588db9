"""Batches of patches."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch")

from hypothesis import given
from hypothesis import strategies as st

from sunpy_enhance.training.batches import draw_batch, draw_indices
from sunpy_enhance.training.patches import Patches


@pytest.fixture
def patches():
    """Every pixel another number, and the same number where the same piece of the Sun is."""
    targets = np.arange(5 * 8 * 8, dtype=np.float32).reshape(5, 8, 8)
    inputs = np.pad(targets[:, ::2, ::2], ((0, 0), (2, 2), (2, 2)), constant_values=-1)
    return Patches(inputs, targets, ["a"] * 5)


@given(st.integers(1, 40), st.integers(1, 8), st.integers(0, 4))
def test_an_epoch_sees_each_patch_once(number, batch, epoch):
    settings = {"epochs": 5, "batch": batch}
    full = max(number // batch, 1)
    seen = [draw_indices(number, epoch * full + place, settings, 3)[0] for place in range(full)]
    together = np.concatenate(seen)
    assert len(set(together)) == len(together) == full * min(batch, number)


def test_epochs_differ_and_repeat():
    settings = {"epochs": 5, "batch": 4}
    first, second, again = (draw_indices(40, step, settings, 3)[0] for step in (0, 10, 0))
    assert list(first) != list(second)
    assert list(first) == list(again)


def test_inputs_and_targets_are_turned_together(patches):
    turned = set()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        inputs, targets = draw_batch(patches, np.array([3, 1]), 0.0, rng)
        assert inputs.shape == (2, 1, 8, 8)
        assert targets.shape == (2, 1, 8, 8)
        inner = inputs[:, 0, 2:-2, 2:-2].numpy()
        # The pixel of the pair that the input was made of is at one of the four corners of each block.
        blocks = [targets[:, 0, y::2, x::2].numpy() for y in (0, 1) for x in (0, 1)]
        assert any((block == inner).all() for block in blocks)
        turned.add(tuple(inner[0, :2, :2].ravel()))
    assert len(turned) == 8


def test_without_flips_and_margin(patches):
    rng = np.random.default_rng(0)
    inputs, targets = draw_batch(patches, np.array([0, 4]), 0.0, rng, margin=1, flips=False)
    np.testing.assert_array_equal(inputs[:, 0], patches.inputs[[0, 4], 1:-1, 1:-1])
    np.testing.assert_array_equal(targets[:, 0], patches.targets[[0, 4]])


def test_polarity_is_each_patch_s_own(patches):
    signs = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        inputs, targets = draw_batch(patches, np.array([2, 3]), 0.0, rng, flips=False, polarity=True)
        sign = np.sign(targets[:, 0, 0, 0].numpy())
        np.testing.assert_array_equal(targets[:, 0], patches.targets[[2, 3]] * sign[:, None, None])
        np.testing.assert_array_equal(inputs[:, 0], patches.inputs[[2, 3]] * sign[:, None, None])
        signs.append(tuple(sign))
    assert set(signs) == {(1, 1), (1, -1), (-1, 1), (-1, -1)}


def test_noise_is_fresh_and_of_the_right_size():
    still = Patches(np.zeros((4, 60, 60), np.float32), np.zeros((4, 120, 120), np.float32), ["a"] * 4)
    one, two = (draw_batch(still, np.arange(4), 3.0, np.random.default_rng(seed))[0].numpy() for seed in (0, 1))
    assert one.std() == pytest.approx(3, rel=0.03)
    assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 0.05


def test_the_patches_stay_as_they_are(patches):
    before = patches.inputs.copy(), patches.targets.copy()
    draw_batch(patches, np.arange(5), 1.0, np.random.default_rng(0), polarity=True)
    np.testing.assert_array_equal(patches.inputs, before[0])
    np.testing.assert_array_equal(patches.targets, before[1])
