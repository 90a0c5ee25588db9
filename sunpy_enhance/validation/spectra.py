"""Power spectra of images, averaged over all directions."""

import numpy as np

__all__ = ["largest_square", "radial_power"]


def radial_power(image, plate_scale, *, bins=None):
    r"""Return the power spectrum of an image, averaged over all directions.

    The mean is taken off and the borders are faded out by Hann's window :math:`w`. The power is a density,

    .. math:: P(q) = \frac{p^2}{\sum w^2} \left| \mathrm{DFT}[w (I - \bar{I})] \right|^2

    with the side of a pixel :math:`p`, so that images of any sampling and size can be compared: white noise of
    standard deviation :math:`\sigma` has :math:`P = \sigma^2 p^2`.

    Parameters
    ----------
    image : `numpy.ndarray`
        (y, x), finite.
    plate_scale : float
        Arcsec per pixel.
    bins : int, optional
        Number of bins up to the Nyquist frequency; default: a quarter of the pixels along the shorter side, at most 60.

    Returns
    -------
    frequency, power : `numpy.ndarray`
        Cycles per arcsec, and the power in (unit of the image x arcsec) squared. Bins that are too narrow for
        the image to have a frequency in them are left out.
    """
    from scipy import fft

    bins = bins or int(np.clip(min(image.shape) // 4, 4, 60))
    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in image.shape))
    faded = window * (image - image.mean(dtype=float))
    power = np.abs(fft.fft2(faded)) ** 2 * plate_scale**2 / np.sum(window**2)
    frequency = np.hypot(fft.fftfreq(image.shape[0], plate_scale)[:, None], fft.fftfreq(image.shape[1], plate_scale))
    edges = np.linspace(0, 0.5 / plate_scale, bins + 1)
    which = np.digitize(frequency.ravel(), edges)
    count = np.bincount(which, minlength=bins + 2)[1:-1]
    total = np.bincount(which, power.ravel(), minlength=bins + 2)[1:-1]
    centres, filled = (edges[1:] + edges[:-1]) / 2, count > 0
    return centres[filled], total[filled] / count[filled]


def largest_square(footprint):
    """Return the largest square of pixels that are all in a footprint, as a pair of slices.

    Parameters
    ----------
    footprint : `numpy.ndarray` of bool
        With at least one pixel that is True.

    Returns
    -------
    tuple of slice
        Rows and columns; an odd number of them.
    """
    from scipy import ndimage

    # Chessboard distance to the nearest pixel outside: half the side of the square about a pixel.
    reach = ndimage.distance_transform_cdt(np.pad(footprint, 1), metric="chessboard")[1:-1, 1:-1]
    y, x = np.unravel_index(np.argmax(reach), reach.shape)
    half = int(reach[y, x]) - 1
    return slice(y - half, y + half + 1), slice(x - half, x + half + 1)
