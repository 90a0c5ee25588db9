"""Tiles of an image: what to read, what to keep and where to write it."""

import typing

import numpy as np

__all__ = ["SMALLEST_TILE", "TILE_SIZE", "Tile", "tiles"]

# Pixels along a side of what a tile writes: a 64-channel network needs about 0.5 GiB for it.
TILE_SIZE = 480

# Below this, nearly all of the work is the halo.
SMALLEST_TILE = 32


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

    def is_inside(self, halo):
        """Tell whether what is kept has a halo of so many pixels around it in what is read."""
        return all(
            halo <= kept.start and kept.stop + halo <= read.stop - read.start
            for kept, read in zip(self.crop, self.read, strict=True)
        )


def tiles(shape, tile_size, halo, border, multiple_of=1, needed=None):
    """Yield tiles of one shape that cover an image, or what is needed of it; no pixel is written twice.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the image, multiples of `multiple_of`.
    tile_size : int
        Rows and columns that a tile writes, at most, rounded up to a multiple of `multiple_of`.
    halo : int
        Distance beyond which a pixel has no influence.
    border : {"pad", "own"}
        "pad": the image is padded by `halo` on each side, once, and what is read shrinks by that much in
        the network. "own": the network pads by itself, so tiles read `halo` more pixels where the image has
        them, and crop; at its border they leave the padding to the network, as for the whole image.
    multiple_of : int
        Reads start at and span multiples of this.
    needed : numpy.ndarray of bool, optional
        Pixels that have to be written; by default all. Each row of tiles begins and ends with the pixels that are
        needed in it: that is a tenth fewer tiles for a full disk than on a fixed grid.

    Yields
    ------
    Tile
    """
    rows = (0, shape[0]) if needed is None else _span(needed.any(axis=1))
    if rows is None:
        return
    columns = (0, shape[1]) if needed is None else _span(needed.any(axis=0))
    size = [_size(span, tile_size, multiple_of) for span in (rows, columns)]
    for row in _cuts(*rows, size[0], shape[0], multiple_of):
        if needed is not None:
            columns = _span(needed[row].any(axis=0))
            if columns is None:
                continue
        for column in _cuts(*columns, size[1], shape[1], multiple_of):
            write = (row, column)
            read = [_read(write[axis], size[axis], shape[axis], halo, border, multiple_of) for axis in (0, 1)]
            crop = (slice(w.start - r.start, w.stop - r.start) for w, r in zip(write, read, strict=True))
            yield Tile(tuple(read), tuple(crop), write)


def _span(needed):
    """Return (first, behind the last) of the True ones along an axis, None if there is none."""
    found = np.flatnonzero(needed)
    return (int(found[0]), int(found[-1]) + 1) if found.size else None


def _size(span, tile_size, multiple_of):
    """Return the side of equal tiles, so that the last one of an axis is no mere strip."""
    length = span[1] - span[0]
    even = -(-length // -(-length // tile_size))
    return -(-even // multiple_of) * multiple_of


def _cuts(first, last, size, length, multiple_of):
    """Yield what tiles write along an axis, which has at least `size` pixels."""
    first = first // multiple_of * multiple_of
    for start in range(first, last, size):
        stop = min(start + size, length)
        yield slice(start, stop)


def _read(write, size, length, halo, border, multiple_of):
    """Return what a tile reads along an axis: at the image's end it begins earlier, so that all have one shape."""
    if border == "pad":
        start = min(write.start, length - size)
        return slice(start, start + size + 2 * halo)
    window = min(length, -(-(size + 2 * halo + multiple_of - 1) // multiple_of) * multiple_of)
    start = max(0, min(write.start - halo, length - window)) // multiple_of * multiple_of
    return slice(start, start + window)
