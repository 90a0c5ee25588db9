"""What has to be done to a file that is not truth yet to serve as truth: functions that a recipe names."""

import numpy as np
from scipy import fft, ndimage

__all__ = ["PREPARATIONS", "as_is", "shrunk_field", "sst_quiet", "sst_spot"]


def _quiet_gain(shape, plate_scale):
    """Gain that gives SST wide-band granulation near 854 nm the spectrum of 617 nm continuum.

    The line forms higher up, where granulation has a third of its contrast: a factor of 3.1 gives the small
    scales the power of radiative-MHD simulations. Scales above some 4 arcsec, where the image shows
    other things than granulation, keep about half of that.
    """
    q = np.hypot(fft.fftfreq(shape[0], plate_scale)[:, None], fft.rfftfreq(shape[1], plate_scale))
    return 1.5 + 1.6 / (1 + np.exp(-(q - 0.28) / 0.06))


def sst_quiet(image, plate_scale):
    """Make 617 nm continuum of the quiet Sun from SST/CRISP wide band near 854 nm.

    Parameters
    ----------
    image : `numpy.ndarray`
        (y, x), in any unit.
    plate_scale : float
        Arcsec per pixel.

    Returns
    -------
    `numpy.ndarray`
        In units of its mean, at least 0.05.
    """
    image = image / image.mean() - 1
    ny, nx = image.shape
    mirrored = np.pad(image, ((0, ny), (0, nx)), mode="symmetric")
    spectrum = fft.rfft2(mirrored) * _quiet_gain(mirrored.shape, plate_scale)
    return np.maximum(1 + fft.irfft2(spectrum, s=mirrored.shape)[:ny, :nx], 0.05)


def sst_spot(image, plate_scale):
    """Make 617 nm continuum of a sunspot from SST/CRISP wide band near 854 nm.

    The mean intensities of umbra and penumbra are lowered to those of the continuum by a power law, and the
    fine structure is raised as in `sst_quiet` where it is granulation, by two thirds of that in the spot.

    Parameters
    ----------
    image : `numpy.ndarray`
        (y, x), in any unit.
    plate_scale : float
        Arcsec per pixel.

    Returns
    -------
    `numpy.ndarray`
        In units of the quiet Sun, at least 0.03.
    """
    image = image / np.percentile(image, 60)
    large = ndimage.gaussian_filter(image, 1.2 / plate_scale, mode="mirror")
    gain = np.interp(large, [0.5, 0.9], [2.0, 3.1])
    return np.maximum(large**1.4 * (1 + gain * (image / large - 1)), 0.03)


def as_is(image, plate_scale):  # noqa: ARG001 (one signature for all)
    """Take the image as it is.

    Parameters
    ----------
    image : `numpy.ndarray`
    plate_scale : float
        Arcsec per pixel.

    Returns
    -------
    `numpy.ndarray`
    """
    return image


def shrunk_field(image, plate_scale, *, largest=3600.0):  # noqa: ARG001
    """Make a finely structured field of a remapped HMI magnetogram.

    It is shrunk by its plate scale in the recipe: never truth of what was observed, but a source of shapes that
    fields really have. The noise is taken off, and fields are raised towards kilogauss, which HMI's pixels dilute.

    Parameters
    ----------
    image : `numpy.ndarray`
        (y, x), in gauss.
    plate_scale : float
        Arcsec per pixel.
    largest : float
        Field that none goes beyond, in gauss.

    Returns
    -------
    `numpy.ndarray`
        In gauss.
    """
    smooth = ndimage.gaussian_filter(image, 0.7)
    quiet = smooth - np.clip(smooth, -15, 15)
    return largest * np.tanh(1.5 * quiet / largest)


PREPARATIONS = {"as_is": as_is, "shrunk_field": shrunk_field, "sst_quiet": sst_quiet, "sst_spot": sst_spot}
