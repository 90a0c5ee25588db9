"""Pixels, whatever they mean: invalid ones, footprints and interpolation to twice the sampling."""

import numbers

import numpy as np

from ._threads import each_band, threads

__all__ = ["bilinear", "cubic", "dilate", "double", "enlarge", "fill", "invalid", "rows_of", "spans"]

# Columns that a footprint grows in at once: a MiB for a full disk, which stays in the processor's cache.
_COLUMNS = 256
# No measurement is that large: what is, stands for none, such as -1e31 or what float32 cannot hold.
_LARGEST = 1e20


def invalid(data, meta, mask=None):
    """Return True where an image holds no measurement.

    Parameters
    ----------
    data : numpy.ndarray
    meta : dict
        FITS keywords: BLANK, BSCALE and BZERO are used.
    mask : numpy.ndarray of bool, optional
        True where the pixel is bad.

    Returns
    -------
    numpy.ndarray of bool
    """
    bad = ~np.isfinite(data)
    if data.dtype.itemsize > 2:  # shorter numbers are never that large
        bad |= np.abs(data) > _LARGEST
    blank = meta.get("blank")
    # FITS defines BLANK for integers. sunpy opens files with ignore_blank=True, so a file with BSCALE gives the
    # *scaled* sentinel as floats. Small sentinels are left alone there: they might be a measurement.
    if isinstance(blank, numbers.Real):
        if data.dtype.kind in "iu":
            bad |= data == blank
        elif abs(blank) >= 2**15 - 1:
            value, zero = blank * float(meta.get("bscale", 1)), float(meta.get("bzero", 0))
            # Scaled in float32 or in float64, it is not the same to the last digits.
            rounding = 4 * np.spacing(np.float32(max(abs(value), abs(zero))))
            bad |= np.abs(data - data.dtype.type(value + zero)) <= rounding
    if mask is not None:
        bad |= np.broadcast_to(np.asarray(mask, dtype=bool), data.shape)
    return bad


def fill(image, bad, reach, seen=None):
    """Fill bad pixels by the nearest good value, in place.

    Parameters
    ----------
    image : numpy.ndarray
    bad : numpy.ndarray of bool
        There has to be a good pixel.
    reach : int
        Bad pixels farther than this (along an axis) from every good one get the median of the good ones.
    seen : numpy.ndarray of bool, optional
        Bad pixels that get the nearest good value however far that is.
    """
    if not bad.any():
        return
    from scipy.spatial import KDTree

    near = dilate(~bad, reach)
    if seen is not None:
        near |= seen
    near &= bad
    far = bad & ~near
    if far.any():
        coarse = (slice(None, None, max(1, int(np.sqrt(image.size / 2**18)))),) * 2
        some = image[coarse][~bad[coarse]]
        image[far] = np.median(some if some.size else image[~bad])
    # The nearest good pixel touches a bad one: a tree of those few is ten times faster than the distance
    # transform of a full disk, and needs no half GiB for its indices.
    edge = np.argwhere(dilate(bad, 1) & ~bad)
    wanted = np.argwhere(near)
    _, nearest = KDTree(edge).query(wanted, workers=threads())
    image[tuple(wanted.T)] = image[tuple(edge[nearest].T)]


def dilate(footprint, reach):
    """Grow a footprint by `reach` pixels along both axes: a square, as a network's halo is."""
    grown = footprint.copy()
    each_band(lambda start, stop: _grow(grown[start:stop].T, reach), len(grown))
    each_band(lambda start, stop: _grow(grown[:, start:stop], reach), grown.shape[1], _COLUMNS)
    return grown


def _grow(footprint, reach):
    """Grow a footprint along its first axis, in place."""
    for direction in (footprint, footprint[::-1]):
        # By doubling: what has grown by n - 1 pixels, with itself n pixels farther, has grown by 2n - 1.
        length = 1
        while length <= reach:
            step = min(length, reach + 1 - length)
            direction[step:] |= direction[:-step]
            length += step


def spans(footprint, grain=64):
    """Return slices of columns that hold all of a footprint, each some grains wide."""
    count = footprint.shape[1]
    grains = np.logical_or.reduceat(footprint.any(axis=0), np.arange(0, count, grain))
    ends = grain * np.flatnonzero(np.diff(grains, prepend=False, append=False))
    return [slice(int(first), min(int(last), count)) for first, last in ends.reshape(-1, 2)]


def enlarge(footprint):
    """Repeat each pixel of a footprint twice along both axes."""
    # Two bytes at once: ten times faster than repeating columns.
    wide = footprint.astype(np.uint16, order="C")
    wide *= 0x0101
    return wide.view(bool).repeat(2, axis=0)


# Weights of the pixels (-2, -1, 0, 1) around 0.25 pixel before a pixel's centre. Catmull-Rom: the cubic
# convolution with a = -1/2 of Keys (1981), IEEE Trans. Acoust. 29, 1153, exact for quadratic polynomials.
_CUBIC = np.array([-0.0234375, 0.2265625, 0.8671875, -0.0703125])
_LINEAR = np.array([0.0, 0.25, 0.75, 0.0])


def rows_of(image, start, stop):
    """Return rows `start` - 2 to `stop` + 2 of an image, those at its edges repeated."""
    return image[np.clip(np.arange(start - 2, stop + 2), 0, len(image) - 1)]


def double(rows, weights):
    """Interpolate to twice the sampling, cell-centred: two rows, one before, one after each pixel's centre.

    Parameters
    ----------
    rows : numpy.ndarray
        The wanted rows with two more on each side, as `rows_of` gives them.
    weights : numpy.ndarray
        Four weights of the pixels -2 to 1 for the point 0.25 pixel before a centre.

    Returns
    -------
    numpy.ndarray
        Of shape ``(2 (len(rows) - 4), 2 columns)``.
    """
    wide = _double_first(rows, weights).T
    return _double_first(np.pad(wide, ((2, 2), (0, 0)), mode="edge"), weights).T


def cubic(rows):
    """Interpolate as `double` does, with cubic convolution."""
    return double(rows, _CUBIC)


def bilinear(rows):
    """Interpolate as `double` does, linearly: never beyond its neighbours."""
    return double(rows, _LINEAR)


def _double_first(rows, weights):
    count = len(rows) - 4
    out = np.zeros((2 * count, *rows.shape[1:]), dtype=np.result_type(rows, np.float32))
    for k, weight in enumerate(weights):
        if weight:
            out[0::2] += out.dtype.type(weight) * rows[k : k + count]
            out[1::2] += out.dtype.type(weight) * rows[4 - k : 4 - k + count]
    return out
