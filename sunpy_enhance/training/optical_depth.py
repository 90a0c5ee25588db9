"""The layer of an optical depth in a cube of any simulation."""

import numpy as np

__all__ = ["at_log_tau"]

# Rows of columns that are in memory at once: a few ten megabytes of the largest cubes.
_ROWS = 8


def at_log_tau(values, tau, log_tau=0.0, *, axes="zyx", snapshot=0, logarithmic=False):
    """Interpolate a cube to the layer of an optical depth, column by column.

    Between the two grid points about the layer the values are taken to be linear in the logarithm of the optical
    depth, which is what they are nearly in an atmosphere that is stratified exponentially. Where a column passes
    through the optical depth more than once, the layer is the outermost: that is what is seen from above.

    Parameters
    ----------
    values, tau : array-like
        Cubes of one shape; a few rows of them are in memory at once. It does not matter which end is the top.
    log_tau : float
        Decadic logarithm of the optical depth.
    axes : str
        Order of the axes as NumPy sees them: z is the vertical, t (may be missing) counts snapshots.
    snapshot : int
        Which one, where there is an axis t.
    logarithmic : bool
        Whether `tau` holds decadic logarithms.

    Returns
    -------
    `numpy.ndarray`
        (y, x).

    Raises
    ------
    ValueError
        Where the cubes differ in shape, the optical depth is negative or not finite, or a column does not reach it.
    """
    if values.shape != tau.shape or len(axes) != len(values.shape) or sorted(axes.replace("t", "")) != ["x", "y", "z"]:
        msg = f"the cube is {values.shape} and its optical depth {tau.shape}, expected two of the axes {axes!r}"
        raise ValueError(msg)
    space = axes.replace("t", "")
    order = [space.index(letter) for letter in "zyx"]
    rows = next(letter for letter in space if letter != "z")  # the slower one, so that files are read in long pieces
    sheet = np.empty([values.shape[axes.index(letter)] for letter in "yx"])
    for start in range(0, values.shape[axes.index(rows)], _ROWS):
        part = slice(start, start + _ROWS)
        index = tuple({"t": snapshot, rows: part}.get(letter, slice(None)) for letter in axes)
        block, depth = (np.asarray(cube[index], dtype=float).transpose(order) for cube in (values, tau))
        if not np.isfinite(depth).all():
            msg = "the optical depth has values that are not finite, expected none"
            raise ValueError(msg)
        if not logarithmic:
            if depth.min() < 0:
                msg = f"the optical depth goes down to {depth.min():.3g}, expected no negative one: is it a logarithm?"
                raise ValueError(msg)
            depth = np.log10(np.maximum(depth, np.finfo(float).tiny))
        sheet[part if rows == "y" else (slice(None), part)] = _layer(block, depth, log_tau)
    return sheet


def _layer(values, depth, log_tau):
    """Interpolate (z, y, x) linearly to where the depth first comes to log_tau, from the top."""
    if depth[0].mean() > depth[-1].mean():
        values, depth = values[::-1], depth[::-1]
    deeper = depth >= log_tau
    below = deeper.argmax(axis=0)
    if not deeper.any(axis=0).all() or (depth[0] > log_tau).any():
        low, high = depth[0].max(), depth.max(axis=0).min()
        msg = f"log tau goes from {low:.2f} to {high:.2f} in all columns, expected that it passes {log_tau}"
        raise ValueError(msg)
    below = np.maximum(below, 1)[None]
    upper, lower = (np.take_along_axis(depth, index, 0)[0] for index in (below - 1, below))
    first, second = (np.take_along_axis(values, index, 0)[0] for index in (below - 1, below))
    weight = (log_tau - upper) / (lower - upper)
    return (1 - weight) * first + weight * second
