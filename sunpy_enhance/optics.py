"""Point spread functions, transfer functions, degradation and re-degradation.

Only numpy, scipy and astropy: training, demonstration and validation all stand on it. The functions that
work on bare arrays take plate scales in arcsec per pixel; those that face the user take Quantities.
"""

import copy

import numpy as np
from scipy import fft, integrate, ndimage, special

import astropy.units as u

from ._arguments import check_image, check_psf
from ._hmi import PLATE_SCALE, check_plate_scale, pixel_sides
from ._metadata import rescale
from ._provenance import UNDONE
from ._psf import AiryPSF, DeltaPSF, WachterPSF
from ._psf_card import psf_from_card
from ._psf_couvidat import CouvidatPSF
from ._psf_measured import MeasuredPSF
from ._psf_pixel import PixelPSF
from ._psf_yeo import YeoPSF

__all__ = [
    "AiryPSF",
    "CouvidatPSF",
    "DeltaPSF",
    "MeasuredPSF",
    "PixelPSF",
    "WachterPSF",
    "YeoPSF",
    "degrade",
    "encircled_energy",
    "psf_from_card",
    "redegrade",
    "redegrade_image",
    "transfer_function",
]

# Below this the target telescope passes next to nothing, so there is nothing there to be divided by.
_LOWEST_TARGET_TRANSFER = 1e-3


def transfer_function(psf, shape, plate_scale):
    """Return a PSF's transfer function on the frequencies of `scipy.fft.rfft2`.

    Parameters
    ----------
    psf : PSF
        With ``round``, and a ``transfer`` of one frequency if it is; otherwise with ``transfer_xy`` of two.
    shape : (int, int)
        Shape of the image, (y, x).
    plate_scale : float
        Arcsec per pixel.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(y, x // 2 + 1)``; float32, or complex64 where the PSF is not symmetric about its origin.
    """
    qy = fft.fftfreq(shape[0], plate_scale).astype(np.float32)
    qx = fft.rfftfreq(shape[1], plate_scale).astype(np.float32)
    if not psf.round:
        values = psf.transfer_xy(qx / u.arcsec, qy[:, None] / u.arcsec)
        return values.astype(np.complex64 if np.iscomplexobj(values) else np.float32)
    # A PSF that is round has a transfer function of one variable: a table saves the large special functions.
    table = np.linspace(0, np.hypot(0.5, 0.5) / plate_scale * 1.01, 8192)
    values = psf.transfer(table / u.arcsec)
    return np.interp(np.hypot(qy[:, None], qx), table, values).astype(np.float32)


@u.quantity_input
def encircled_energy(psf, radius: u.arcsec):
    r"""Return the fraction of a PSF's energy within a circle about its origin.

    .. math:: E(R) = 2 \pi R \int_0^\infty \bar{T}(q)\, J_1(2 \pi q R)\, \mathrm{d}q

    with the mean :math:`\bar{T}` of the transfer function over all directions: the Hankel transform of order one
    (Bracewell, R. N. 2000, The Fourier Transform and Its Applications, 3rd ed.), by Simpson's rule.

    Parameters
    ----------
    psf : PSF
        Such as `WachterPSF`.
    radius : `~astropy.units.Quantity`
        Angle, or an array of them.

    Returns
    -------
    float or `numpy.ndarray`
        Between 0 and 1, to some 1e-3.
    """
    radii = radius.to_value(u.arcsec)
    if not np.isfinite(psf.limit):  # a point
        return np.ones(np.shape(radii))[()]
    # Ten steps for each turn of the Bessel function at the widest spacing, many at low frequencies, where halos are.
    number = 2 * int(5000 + 20 * psf.limit * np.max(radii)) + 1
    t = np.linspace(0, 1, number)
    q = psf.limit * t**2
    mean = (psf.transfer if psf.round else psf.mean_transfer)(q / u.arcsec)
    weights = 4 * np.pi * psf.limit * t * mean
    energies = [integrate.simpson(R * weights * special.j1(2 * np.pi * R * q), x=t) for R in np.ravel(radii)]
    return np.reshape(energies, np.shape(radii))[()]


def degrade(image, psf, plate_scale, *, periodic=False):
    """Convolve an image with a PSF.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape (y, x), finite.
    psf : PSF
        Such as `WachterPSF`.
    plate_scale : float
        Arcsec per pixel.
    periodic : bool
        Whether the image is; otherwise it is continued by its mirror image.

    Returns
    -------
    `numpy.ndarray`
        Same shape, float32.
    """
    ny, nx = image.shape
    padded = image if periodic else np.pad(image, ((0, ny), (0, nx)), mode="symmetric")
    spectrum = fft.rfft2(padded.astype(np.float32)) * transfer_function(psf, padded.shape, plate_scale)
    return fft.irfft2(spectrum, s=padded.shape)[:ny, :nx]


def redegrade_image(image, plate_scale, psf=None, target=None, *, margin=40.0):
    """Return what the smaller telescope would have seen of an image that the larger one has seen.

    The transfer function is the quotient of the two telescopes'. The result is sampled at the centres of
    blocks of 2x2 pixels, without integrating over them, as the networks' training data are.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape (2y, 2x), finite.
    plate_scale : float
        Arcsec per pixel of `image`.
    psf, target : PSF
        Of the smaller telescope (default `WachterPSF`) and of the larger (default `AiryPSF`).
    margin : float
        Arcsec by which the image is continued by its mirror image (never by more than its own size).

    Returns
    -------
    `numpy.ndarray`
        Shape (y, x), float32.
    """
    psf, target = psf or WachterPSF(), target or AiryPSF()
    pads = []
    for size in image.shape:
        before = min(int(margin / plate_scale) // 2 * 2, size)
        pads.append((before, fft.next_fast_len(size + 2 * before, real=True) - size - before))
    padded = np.pad(np.asarray(image, np.float32), pads, mode="symmetric")
    shape = padded.shape
    spectrum = fft.rfft2(padded, workers=-1, overwrite_x=True)
    del padded
    below = transfer_function(target, shape, plate_scale)
    passed = np.abs(below) > _LOWEST_TARGET_TRANSFER
    spectrum *= np.where(passed, transfer_function(psf, shape, plate_scale) / np.where(passed, below, 1), 0)
    # The centre of a block lies half a pixel beyond the centre of its first pixel.
    spectrum *= np.exp(1j * np.pi * fft.fftfreq(shape[0])).astype(np.complex64)[:, None]
    spectrum *= np.exp(1j * np.pi * fft.rfftfreq(shape[1])).astype(np.complex64)
    (y, _), (x, _) = pads
    full = fft.irfft2(spectrum, s=shape, workers=-1, overwrite_x=True)
    return full[y : y + image.shape[0] : 2, x : x + image.shape[1] : 2]


def redegrade(enhanced_map, *, psf=None, target=None):
    """Return the Map that HMI would have seen of an enhanced Map.

    Compare it with the Map that went into `sunpy_enhance.enhance_map`: what differs by more than noise is
    not in the data.

    Parameters
    ----------
    enhanced_map : `sunpy.map.GenericMap`
        An output of `sunpy_enhance.enhance_map`: its shape is even on both axes, its pixels are half as wide as HMI's.
    psf, target : PSF, optional
        Of HMI (default `WachterPSF`) and of the telescope whose image `enhanced_map` is (default `AiryPSF`
        of 28 cm).

    Returns
    -------
    `sunpy.map.GenericMap`
        Of half the shape, at HMI's plate scale, NaN where any of the four pixels was.

    Raises
    ------
    TypeError
        Where `enhanced_map` is not a sunpy Map, or `psf` or `target` not a PSF.
    ValueError
        Where it is a Map of standard deviations, its shape is odd, its pixels are not those of an enhanced Map, or none
        is finite.
    """
    check_image(enhanced_map=enhanced_map)
    check_psf(psf=psf, target=target)
    data = np.asarray(enhanced_map.data)  # of a dask array, once
    if data.ndim != 2 or data.shape[0] % 2 or data.shape[1] % 2:
        msg = f"the Map has shape {data.shape}, expected the even shape of an enhanced Map"
        raise ValueError(msg)
    check_plate_scale(enhanced_map, PLATE_SCALE / 2, advice="give the output of enhance_map")
    finite = np.isfinite(data)
    if not finite.any():
        msg = "the Map has no finite pixel, expected an enhanced Map"
        raise ValueError(msg)
    if not finite.all():
        nearest = ndimage.distance_transform_edt(~finite, return_distances=False, return_indices=True)
        data = data[tuple(nearest)]
        del nearest
    native = redegrade_image(data, pixel_sides(enhanced_map)[0], psf, target)
    blocks = finite.reshape(native.shape[0], 2, native.shape[1], 2).all(axis=(1, 3))
    native[~blocks] = np.nan

    meta = copy.deepcopy(enhanced_map.meta)
    rescale(meta, 0.5)
    for key in [key for key in meta if key.startswith("enh")]:
        del meta[key]
    meta["naxis1"], meta["naxis2"] = native.shape[1], native.shape[0]
    told = [meta.get("history"), UNDONE]
    meta["history"] = "\n".join(filter(None, told))
    # The norm is an object: a plot of one Map must not change the other.
    return enhanced_map._new_instance(native, meta, plot_settings=copy.deepcopy(enhanced_map.plot_settings))
