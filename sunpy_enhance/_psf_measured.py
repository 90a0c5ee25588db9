"""A point spread function that was measured: an array with its plate scale, or a FITS file of it."""

import dataclasses
import functools
import hashlib
import numbers
import warnings
from pathlib import Path
from typing import ClassVar

import numpy as np
from scipy import fft, ndimage, special

import astropy.units as u
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales

__all__ = ["MeasuredPSF"]

_SMALLEST = 8  # pixels along an axis: a PSF on fewer is hardly sampled
_NEGATIVE = 0.01  # of the energy: what noise about zero leaves in a usable measurement
_BORDER_WARNS, _BORDER_RAISES = 0.0025, 0.2  # of the energy, see `_check_border`
# Transfer of too coarse an array at 0.8 of the Nyquist frequency (at 1, what is beyond it can cancel it).
_COARSE = 0.15
# Arcsec per pixel: a header that has larger ones gives arcsec without CUNIT, which FITS takes for degrees.
_LARGEST_SCALE = 10


@dataclasses.dataclass(frozen=True, eq=False)
class MeasuredPSF:
    """A point spread function given as an array: any shape of it, its centre anywhere between the pixels.

    What lies beyond the array is taken to be zero, and what lies beyond its Nyquist frequency as well. An array
    measured with a detector has that detector's pixel in it already.

    Parameters
    ----------
    image : `numpy.ndarray`
        (y, x), finite, with the background subtracted. Its normalisation does not matter.
    plate_scale : float
        Arcsec per pixel of `image`.
    center : (float, float), optional
        (x, y) of the origin, counted from 0 at the centre of the first pixel. Default: the centroid.

    Raises
    ------
    ValueError
        Where it cannot be a PSF: not two-dimensional, not finite, too small, negative beyond noise,
        without energy, or far from ending within the array.

    Warns
    -----
    astropy.utils.exceptions.AstropyUserWarning
        Where energy is left at the border, or the array is too coarse for what the PSF passes.
    """

    round: ClassVar[bool] = False
    symmetric: ClassVar[bool] = False

    image: np.ndarray
    plate_scale: float
    center: tuple | None = None

    def __post_init__(self):
        image = np.asarray(self.image, float)
        if image.ndim != 2 or min(image.shape) < _SMALLEST:
            msg = f"the PSF has shape {image.shape}, expected an image of at least {_SMALLEST} x {_SMALLEST} pixels"
            raise ValueError(msg)
        if not np.isfinite(image).all():
            msg = f"the PSF has {np.count_nonzero(~np.isfinite(image))} pixels that are not finite, expected none"
            raise ValueError(msg)
        scale = self.plate_scale
        if not (isinstance(scale, numbers.Real) and np.isfinite(scale) and scale > 0):
            msg = f"the PSF's plate scale is {self.plate_scale}, expected a positive number of arcsec per pixel"
            raise ValueError(msg)
        negative = -image[image < 0].sum()
        if not negative < _NEGATIVE * image.sum():
            msg = (
                f"the PSF sums up to {image.sum():g} with {-negative:g} in negative pixels, "
                f"expected a positive sum and at most {_NEGATIVE:.0%} of it: subtract the background"
            )
            raise ValueError(msg)
        image = image / image.sum()
        _check_border(image)
        rows, columns = (np.arange(size) for size in image.shape)
        centroid = (float(image.sum(axis=0) @ columns), float(image.sum(axis=1) @ rows))
        center = centroid if self.center is None else self.center
        sizes = image.shape[::-1]
        if np.shape(center) != (2,) or not all(0 <= c <= size - 1 for c, size in zip(center, sizes, strict=True)):
            msg = f"the PSF's centre is {center}, expected (x, y) within its {image.shape[1]} x {image.shape[0]} pixels"
            raise ValueError(msg)
        image.flags.writeable = False
        object.__setattr__(self, "image", image)
        object.__setattr__(self, "center", tuple(center))
        passed = float(self.mean_transfer(0.8 * self.limit / u.arcsec))
        if passed > _COARSE:
            msg = (
                f"the PSF still passes {passed:.0%} near its Nyquist frequency, beyond it counts as zero: sample finer"
            )
            warnings.warn(msg, AstropyUserWarning, stacklevel=3)

    @classmethod
    def from_fits(cls, path, *, plate_scale=None, center=None, extension=None, sha256=None):
        """Read a PSF from a FITS file.

        Parameters
        ----------
        path : path
            The file.
        plate_scale : `~astropy.units.Quantity`, optional
            Angle per pixel. Default: that of the header, which has to be celestial and of square pixels.
        center : (float, float), optional
            (x, y) of the origin, counted from 0 at the centre of the first pixel. Default: the centroid.
        extension : int or str, optional
            Default: the first with an image.
        sha256 : str, optional
            What the file's SHA-256 has to be.

        Returns
        -------
        `MeasuredPSF`

        Raises
        ------
        ValueError
            Where the file is another one, has no image or no plate scale, or is not a PSF.
        """
        path = Path(path)
        if sha256 is not None:
            with path.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
            if found != sha256:
                msg = f"{path} has SHA-256 {found}, expected {sha256}: it is not the file that was named"
                raise ValueError(msg)
        try:
            with fits.open(path) as hdus:
                if extension is None:
                    extension = next(i for i, hdu in enumerate(hdus) if hdu.is_image and hdu.data is not None)
                image, header = hdus[extension].data, hdus[extension].header
            if image is None:
                msg = "it is empty"
                raise KeyError(msg)
        except FileNotFoundError:
            raise
        except (IndexError, KeyError, StopIteration) as error:
            where = "any extension" if extension is None else f"extension {extension!r}"
            msg = f"{path} has no image in {where}, expected one of its extensions: {error}"
            raise ValueError(msg) from error
        except (OSError, TypeError, ValueError) as error:
            msg = f"{path} cannot be read, expected a whole FITS file: {error}"
            raise ValueError(msg) from error
        if plate_scale is None:
            plate_scale = _plate_scale(path, header)
        try:
            return cls(image, u.Quantity(plate_scale).to_value(u.arcsec), center)
        except ValueError as error:
            msg = f"{path}: {error}"
            raise ValueError(msg) from error

    @property
    def limit(self):
        """Frequency in cycles per arcsec beyond which nothing is known, and nothing passed: the Nyquist frequency."""
        return 0.5 / self.plate_scale

    @u.quantity_input
    def transfer_xy(self, frequency_x: u.arcsec**-1, frequency_y: u.arcsec**-1):
        """Return the complex transfer function at frequencies along x and y, which are broadcast; 1 at zero."""
        qx, qy = np.broadcast_arrays(*(q.to_value(1 / u.arcsec) for q in (frequency_x, frequency_y)))
        # In steps of the spectrum, whose zero frequency lies in its middle.
        places = [
            np.ravel(q * self.plate_scale * size + size // 2)
            for q, size in zip((qy, qx), self._spectrum.shape, strict=True)
        ]
        values = ndimage.map_coordinates(self._spectrum, places, order=5, prefilter=False).reshape(qx.shape)
        return np.where((np.abs(qx) < self.limit) & (np.abs(qy) < self.limit), values, 0)

    @functools.cached_property
    def _spectrum(self):
        """Spline coefficients of the transfer function, from minus to plus the Nyquist frequency."""
        # Of twice the array's size and more: then it varies slowly from step to step.
        shape = tuple(fft.next_fast_len((4 if size <= 1024 else 2) * size) for size in self.image.shape)
        spectrum = fft.fft2(self.image, s=shape)
        for axis, place in enumerate(self.center[::-1]):
            phase = np.exp(2j * np.pi * fft.fftfreq(shape[axis]) * place)
            spectrum *= phase[:, None] if axis == 0 else phase
        return ndimage.spline_filter(fft.fftshift(spectrum), order=5, output=complex)

    @u.quantity_input
    def mean_transfer(self, frequency: u.arcsec**-1):
        """Return the mean of the transfer function over all directions: each pixel gives a ring about the centre."""
        y, x = np.indices(self.image.shape)
        distance = np.hypot(x - self.center[0], y - self.center[1]) * self.plate_scale
        # Rings of a twentieth of a pixel, each at the mean distance of what is in it.
        ring = (distance * 20 / self.plate_scale).astype(int).ravel()
        number = np.maximum(np.bincount(ring), 1)
        radii = np.bincount(ring, distance.ravel()) / number
        energy = np.bincount(ring, self.image.ravel())
        q = np.abs(frequency.to_value(1 / u.arcsec))
        values = [special.j0(2 * np.pi * value * radii) @ energy for value in np.ravel(q)]
        return np.reshape(values, np.shape(q))


def _plate_scale(path, header):
    wcs = WCS(header)
    if not wcs.has_celestial:
        msg = f"{path} has no celestial coordinates to tell its plate scale: give plate_scale"
        raise ValueError(msg)
    x, y = (proj_plane_pixel_scales(wcs.celestial) * u.deg).to_value(u.arcsec)
    if abs(x / y - 1) > 1e-3:
        msg = f"{path} has pixels of {x:g} x {y:g} arcsec, expected square ones: resample it"
        raise ValueError(msg)
    if x > _LARGEST_SCALE:
        msg = f"{path} has pixels of {x:g} x {y:g} arcsec by its CDELT and CUNIT (degrees without): give plate_scale"
        raise ValueError(msg)
    return x * u.arcsec


def _check_border(image):
    """Raise or warn where a PSF of unit energy does not end within its array.

    The mean of the border over the whole array is the energy of a background of that level, and half the energy that a
    halo falling as the third power of the radius, as HMI's, has outside a square array.
    """
    border = np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])
    left = border.mean() * image.size
    if left > _BORDER_RAISES or border.max() == image.max():
        msg = (
            f"the PSF has a border of {left:.0%} of its energy, expected it to end within the array: "
            "subtract the background, give a larger array, and have the peak in its middle (numpy.fft.fftshift)"
        )
        raise ValueError(msg)
    if left > _BORDER_WARNS:
        msg = f"the PSF is not zero at its border: at least {left:.1%} of its energy is background or cut off"
        warnings.warn(msg, AstropyUserWarning, stacklevel=4)
