"""Tiles of an image: what to read, what to keep and where to write it."""

import typing

__all__ = ["TILE_SIZE", "Tile", "tiles"]

# Pixels along a side of what a tile writes: a 64-channel network needs about 0.5 GiB for it.
TILE_SIZE = 480


class Tile(typing.NamedTuple):
    """A tile; each attribute is a pair of slices (rows, columns) in input pixels.

    Attributes
    ----------
    read : tuple of slice
        What the network is given: of the padded image with border "pad", of the image itself with "own".
    crop : tuple of slice
        What is kept of the network's answer.
    write : tuple of slice
        Where it belongs in the image.
    """

    read: tuple
    crop: tuple
    write: tuple


def tiles(shape, tile_size, halo, border, multiple_of=1):
    """Yield the tiles that cover an image, each pixel written once.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the image, multiples of `multiple_of`.
    tile_size : int
        Rows and columns that a tile writes, rounded up to a multiple of `multiple_of`.
    halo : int
        Distance beyond which a pixel has no influence.
    border : {"pad", "own"}
        "pad": the image is padded by `halo` on each side, once, and what is read shrinks by that much in
        the network. "own": the network pads by itself, so tiles read `halo` more pixels where the image has
        them, and crop; at its border they leave the padding to the network, as for the whole image.
    multiple_of : int
        Reads start at and span multiples of this.

    Yields
    ------
    Tile
    """
    size = -(-tile_size // multiple_of) * multiple_of
    axes = [list(_spans(length, size, halo, border, multiple_of)) for length in shape]
    for row in axes[0]:
        for column in axes[1]:
            yield Tile(*zip(row, column, strict=True))


def _spans(length, size, halo, border, multiple_of):
    """Yield (read, crop, write) along one axis."""
    for start in range(0, length, size):
        stop = min(start + size, length)
        if border == "pad":
            yield slice(start, stop + 2 * halo), slice(0, stop - start), slice(start, stop)
        else:
            first = max(0, start - halo) // multiple_of * multiple_of
            last = min(length, -(-(stop + halo) // multiple_of) * multiple_of)
            yield slice(first, last), slice(start - first, stop - first), slice(start, stop)
