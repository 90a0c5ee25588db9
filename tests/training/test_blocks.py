"""The same numbers come out of blocks of pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="training needs PyTorch")

from torch.nn import functional  # noqa: E402

from sunpy_enhance.training._blocks import between_blocks, block_of, to_blocks  # noqa: E402
from sunpy_enhance.training.linear import LinearFilter  # noqa: E402


def drawn(*shape):
    return torch.from_numpy(np.random.default_rng(0).normal(0, 1, shape))


@settings(max_examples=40)
@given(
    block=st.integers(1, 4),
    size=st.integers(1, 9),
    count=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_strides_of_a_block(block, size, count, channels):
    outputs, inputs = channels
    image = drawn(1, inputs, *(block * n + size - 1 for n in count))
    kernel = drawn(outputs, inputs, size, size)
    found = functional.conv2d(image, torch.from_numpy(to_blocks(kernel.numpy(), block)), stride=block)
    expected = functional.conv2d(image, kernel)
    torch.testing.assert_close(functional.pixel_shuffle(found, block), expected)


@settings(max_examples=40)
@given(
    block=st.integers(1, 4), size=st.integers(1, 9), count=st.integers(1, 3), outputs=st.integers(1, 3), data=st.data()
)
def test_from_blocks_to_blocks(block, size, count, outputs, data):
    before = data.draw(st.integers(0, block - 1))
    kernel = drawn(outputs, 1, size, size)
    blocks = torch.from_numpy(between_blocks(kernel.numpy(), block, before))
    image = drawn(1, 1, *(block * (count + blocks.shape[-1] - 1),) * 2)
    found = functional.pixel_shuffle(functional.conv2d(functional.pixel_unshuffle(image, block), blocks), block)
    expected = functional.conv2d(image, kernel)[..., before:, before:]
    torch.testing.assert_close(found, expected[..., : block * count, : block * count])


@pytest.mark.parametrize(
    ("narrow", "wide", "dilation", "margin", "block"),
    [(15, 11, 4, 6, 4), (15, 0, 4, 6, 2), (15, 11, 3, 6, 1), (15, 11, 8, 5, 2), (13, 0, 4, 0, 4)],
)
def test_largest_block_that_fits(narrow, wide, dilation, margin, block):
    linear = LinearFilter(narrow, wide, dilation)
    assert block_of(linear, linear.halo + margin) == block
