"""Convolutions of one or few channels as convolutions of blocks of pixels.

Processors compute eight or sixteen channels at a time, and kernels of few channels keep them waiting for memory. With
the pixels of a block as channels, the same numbers come out of a convolution of fewer and deeper pixels: that takes the
linear filter a quarter of the time and the last convolution half of it, though some of the weights are zero.
"""

import math

import numpy as np

__all__ = ["between_blocks", "block_of", "filter_in_blocks", "last_in_blocks", "to_blocks"]

_LARGEST = 4


def block_of(linear, halo):
    """Return the side of the largest blocks that a filter fits, within a network of that halo.

    Parameters
    ----------
    linear : `~sunpy_enhance.training.linear.LinearFilter`
    halo : int
        Pixels that are cut off in all, on each side.

    Returns
    -------
    int
        A power of two; images have to consist of such blocks.
    """
    return math.gcd(_LARGEST, 2 * linear.halo, 2 * halo, linear.dilation if linear.wide else 0)


def to_blocks(kernel, block, side=None, before=0):
    """Return the kernel that gives, with strides of a block, all pixels of a block as channels.

    Parameters
    ----------
    kernel : `numpy.ndarray`
        (outputs, inputs, y, x), square.
    block : int
        Side of the blocks.
    side : int, optional
        Of the result; by default what it has to be.
    before : int
        Rows and columns of zeros that come first.

    Returns
    -------
    `numpy.ndarray`
        (outputs * block**2, inputs, side, side), for ``DepthToSpace`` of mode "CRD".
    """
    (outputs, inputs, size, _), side = kernel.shape, side or before + kernel.shape[-1] + block - 1
    result = np.zeros((outputs, block, block, inputs, side, side), kernel.dtype)
    for y, x in np.ndindex(block, block):
        result[:, y, x, :, before + y : before + y + size, before + x : before + x + size] = kernel
    return result.reshape(-1, inputs, side, side)


def between_blocks(kernel, block, before):
    """Return the kernel that does to blocks of pixels what another does to the pixels.

    Parameters
    ----------
    kernel : `numpy.ndarray`
        (outputs, 1, y, x), square.
    block : int
        Side of the blocks; their pixels become channels in the order of ONNX' ``SpaceToDepth``.
    before : int
        Pixels of its first block that the kernel leaves out for the first pixel of an output block.

    Returns
    -------
    `numpy.ndarray`
        (outputs * block**2, block**2, blocks along y, blocks along x), for ``DepthToSpace`` of mode "CRD".
    """
    blocks = -(-(before + kernel.shape[-1] + block - 1) // block)
    result = to_blocks(kernel, block, blocks * block, before).reshape(-1, blocks, block, blocks, block)
    return result.transpose(0, 2, 4, 1, 3).reshape(-1, block**2, blocks, blocks)


def filter_in_blocks(linear, block):
    """Return a filter's kernels for blocks of pixels, and how many blocks to leave out before each.

    Parameters
    ----------
    linear : `~sunpy_enhance.training.linear.LinearFilter`
    block : int
        See `block_of`.

    Returns
    -------
    list of (`numpy.ndarray`, int)
        The dense kernels, and if there is a coarse one the smoothing and the coarse kernel, which is applied to each
        pixel of the blocks by itself.
    """
    dense, coarse = linear.kernels()

    def behind(margin, kernel):
        return between_blocks(kernel.detach().numpy(), block, margin % block), margin // block

    kernels = [behind(linear.halo - linear.narrow // 2, dense)]
    if linear.wide:
        kernels.append(behind(linear.halo - linear.halo_of_coarse, linear.smoothing))
        kernels.append((coarse.detach().numpy().repeat(block**2, axis=0), 0))
    return kernels


def last_in_blocks(network):
    """Return the kernel of a network's last convolution for blocks of two by two pixels if they fit, and their side.

    Parameters
    ----------
    network : `~sunpy_enhance.training.networks.Hybrid`

    Returns
    -------
    `numpy.ndarray`
        (4 * side**2, channels, y, x), for strides of `side`.
    int
    """
    side = math.gcd(2, network.multiple_of)
    return to_blocks(network.last_convolution().detach().numpy(), side), side
