"""The quiet-Sun level of a continuum image, as a surface that can be evaluated at any sampling."""

import dataclasses

import numpy as np

from ._pixels import bilinear, rows_of

__all__ = ["QuietSun", "fit_quiet_sun", "limb_darkening", "quiet_level"]

# Wavelength of the HMI line in micrometres: Fe I 6173.34 A (Schou et al. 2012, Sol. Phys. 275, 229).
WAVELENGTH = 0.61733

# Half width of the quiet Sun's peak, relative to its level: three times the 4 % contrast of granulation in HMI
# images. Penumbrae (below about 0.9) and pores lie outside.
PEAK = 0.12

# The limb-darkening shape is fitted where the frame spans this much of mu, in bins of this width, each with this
# many pixels at least, down to this mu: farther out the PSF smears the limb itself. It is a polynomial of this degree.
SPAN, BIN, BIN_PIXELS, LOWEST, DEGREE = 0.5, 0.05, 300, 0.1, 3

# Pixels that a level is made of, at most: its error is then 0.04 / 1000, far below what matters.
SAMPLE = 2**20


def limb_darkening(mu):
    r"""Limb darkening of the continuum at 617.3 nm, :math:`I(\mu) / I(1)`.

    Parameters
    ----------
    mu : array_like
        Cosine of the heliocentric angle.

    Returns
    -------
    numpy.ndarray

    Notes
    -----
    :math:`\sum_k A_k \mu^k`, with the coefficients of [1]_ for 422.57 nm to 1100 nm; they sum to 1.

    References
    ----------
    .. [1] Neckel (2005), Sol. Phys. 229, 13, https://doi.org/10.1007/s11207-005-4081-z
    """
    w = WAVELENGTH
    coefficients = (
        0.75267 - 0.265577 / w,
        0.93874 + 0.265577 / w - 0.004095 / w**5,
        -1.89287 + 0.012582 / w**5,
        2.42234 - 0.017117 / w**5,
        -1.71150 + 0.011977 / w**5,
        0.49062 - 0.003347 / w**5,
    )
    return _horner(coefficients, np.asarray(mu))


def quiet_level(values, start=None):
    """Robust level of the quiet Sun: the bright-side peak of the distribution.

    Parameters
    ----------
    values : numpy.ndarray
        Intensities without limb darkening, all finite.
    start : float, optional
        Where to start from: by default the 90th percentile, which is quiet Sun even where
        most of the frame is a spot.

    Returns
    -------
    float

    Notes
    -----
    The location that solves Tukey's biweight equation with a cut-off of 12 % of the level: the pixels of umbrae
    and penumbrae have no weight at all, and one pixel more moves the level by at most 0.07 over the number of quiet
    pixels, whatever its value.
    """
    values = values[:: -(-values.size // SAMPLE)].astype(float)
    level = float(np.percentile(values, 90)) if start is None else start
    values.sort()  # those close to a level are then a slice
    for _ in range(100):
        if level <= 0:
            break
        close = values[slice(*np.searchsorted(values, [(1 - PEAK) * level, (1 + PEAK) * level]))]
        if close.size == 0:
            break
        weight = (1 - ((close - level) / (PEAK * level)) ** 2) ** 2
        previous, level = level, level + float(weight @ (close - level) / weight.sum())
        if abs(level - previous) < 1e-9 * level:
            break
    return level


@dataclasses.dataclass(frozen=True)
class QuietSun:
    """The quiet-Sun level over an image.

    Attributes
    ----------
    source : str
        Where it comes from, for the header.
    level : float
        The level, at the centre of the disk where it is darkened towards the limb.
    disk : sunpy_enhance._geometry.Disk, optional
        With it, the level follows the limb darkening.
    correction : tuple of float
        Polynomial in mu, lowest power first, that the published limb darkening is multiplied by.
    lowest : float
        Below this mu, the correction stays as it is there.
    array : numpy.ndarray, optional
        The level per pixel, instead of all others.
    """

    source: str
    level: float
    disk: object = None
    correction: tuple = (1.0,)
    lowest: float = 0.0
    array: np.ndarray | None = None

    def rows(self, start, stop, scale=1, columns=slice(None), mu=None):
        """Level at the pixels of rows `start` to `stop`, at `scale` (1 or 2) pixels per pixel.

        Parameters
        ----------
        start, stop, scale, columns
            See `sunpy_enhance._geometry.Disk.mu`.
        mu : numpy.ndarray, optional
            float32; theirs, where it is known already.

        Returns
        -------
        float or numpy.ndarray
        """
        if self.array is not None:
            rows = self.array[start:stop] if scale == 1 else bilinear(rows_of(self.array, start, stop))
            first, last, _ = columns.indices(self.array.shape[1])
            return rows[:, scale * first : scale * last]
        if self.disk is None:
            return self.level
        # Off the disk mu is 0, and the level goes on as it is at the limb.
        if mu is None:
            mu = self.disk.mu(start, stop, scale, columns).astype(np.float32)
        level = limb_darkening(mu)
        if len(self.correction) > 1:
            level *= _horner(self.correction, np.maximum(mu, np.float32(self.lowest)))
        level *= np.float32(self.level)
        return level


def fit_quiet_sun(values, mu, disk):
    """Level of a limb-darkened image from its own pixels.

    Parameters
    ----------
    values : numpy.ndarray
        Intensities of the valid pixels on the disk.
    mu : numpy.ndarray
        Their cosines of the heliocentric angle.
    disk : sunpy_enhance._geometry.Disk

    Returns
    -------
    QuietSun

    Notes
    -----
    The published limb darkening is scaled to the frame. Where the frame spans enough of the disk, the quiet level
    is found in bins of mu, from the centre outwards, each starting from the one before, and the published shape is
    multiplied by a cubic polynomial in mu through these levels: HMI's is not quite a continuum, and its
    calibration changes over the field.
    """
    ratio = values / limb_darkening(mu)
    if np.ptp(mu) >= SPAN:
        centres, levels = _levels(ratio, mu)
        # Fewer bins than the polynomial has coefficients, as of a few patches of the disk, do not determine it.
        if len(centres) > DEGREE + 1 and np.ptp(centres) >= SPAN:
            shape = np.polynomial.Polynomial.fit(centres, levels, DEGREE).convert().coef
            level = float(shape.sum())  # at mu = 1
            correction = tuple(float(c) for c in shape / level)
            return QuietSun("fitted", level, disk, correction, float(centres.min()))
    return QuietSun("published shape", quiet_level(ratio), disk)


def _levels(ratio, mu):
    """Mu and quiet level of bins of mu, from high mu to low."""
    centres, levels, level = [], [], None
    number = ((1 - mu) / BIN).astype(int)
    for bin_number in range(round((1 - LOWEST) / BIN)):
        inside = number == bin_number
        if np.count_nonzero(inside) < BIN_PIXELS:
            continue
        here = ratio[inside]
        level = quiet_level(here, level)
        # A bin that is all spot has no quiet peak where its neighbours have it: the fit does without.
        if np.mean(np.abs(here / level - 1) < PEAK) < 0.2:
            level = levels[-1] if levels else None
            continue
        centres.append(float(mu[inside].mean()))
        levels.append(level)
    return np.array(centres), np.array(levels)


def _horner(coefficients, x):
    total = np.full_like(x, coefficients[-1], dtype=np.result_type(x, np.float32))
    for coefficient in coefficients[-2::-1]:
        total *= x
        total += total.dtype.type(coefficient)
    return total
