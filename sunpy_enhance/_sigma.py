"""By what the graph's sigma is multiplied at the border of a frame and towards the limb, as the card says."""

import numpy as np

__all__ = ["factor_at", "widen_border"]


def widen_border(sigma, factors, scale):
    """Multiply sigma in the outermost input pixels of a frame, in place, by one factor each."""
    for ring, factor in enumerate(factors):
        first = scale * ring
        inside = sigma[first : sigma.shape[0] - first, first : sigma.shape[1] - first]
        for edge in (slice(None, scale), slice(-scale, None)):
            inside[edge] *= factor
            inside[scale:-scale, edge] *= factor


def factor_at(mu, enhanced, uncertainty):
    """Return the factor on sigma where the Sun is seen at an angle.

    Parameters
    ----------
    mu : float or numpy.ndarray
        Cosine of the heliocentric angle of each input pixel, or of all.
    enhanced : numpy.ndarray
        Enhanced values in the card's unit.
    uncertainty : dict
        The card's: its table "limb" is interpolated linearly in mu and in the absolute value, and constant beyond.

    Returns
    -------
    numpy.ndarray or float
        Of the shape of `enhanced`; 1 where the card has no such table.
    """
    limb = uncertainty.get("limb")
    if limb is None:
        return 1.0
    from scipy import ndimage

    row = np.interp(mu, limb["mu"], np.arange(len(limb["mu"])))
    if row.ndim:
        row = row.repeat(2, axis=0).repeat(2, axis=1)
    column = np.interp(np.abs(enhanced), uncertainty["knots"], np.arange(len(uncertainty["knots"])))
    where = np.stack(np.broadcast_arrays(row, column))
    return ndimage.map_coordinates(np.array(limb["factors"]), where, output=np.float32, order=1)
