"""The classical deconvolution of a Map, by Richardson and Lucy: what the networks are to be compared with."""

import copy

import numpy as np

from ._arguments import check_psf
from ._geometry import Disk
from ._hmi import check_plate_scale, observable, pixel_sides, with_unit
from ._metadata import enhanced_meta
from ._pixels import bilinear, cubic, fill, invalid, rows_of
from ._provenance import versions

__all__ = ["deconvolve", "richardson_lucy"]

_UPSAMPLE = {"bilinear": bilinear, "cubic": cubic}
_SIGNED = ("offset", "split")

# Arcsec by which a frame is continued by its mirror image, as in `sunpy_enhance.optics.redegrade_image`.
_MARGIN = 40.0


def richardson_lucy(smap, *, psf=None, iterations=50, upsample="bilinear", signed="offset", progress=False):
    r"""Deconvolve an SDO/HMI Map at twice the sampling with the algorithm of Richardson and Lucy.

    The baseline of Diaz Baso & Asensio Ramos (2018, Sect. 3.2.4): interpolation to 0.252 arcsec per pixel, then

    .. math:: O_{k+1} = O_k \left[ P^\mathsf{T} * \frac{I}{P * O_k} \right], \qquad O_0 = I

    with the interpolated image :math:`I`, the point spread function :math:`P` and its mirror image
    :math:`P^\mathsf{T}` [1]_ [2]_. It knows nothing of the Sun: it fits the noise, the more the longer it runs.

    Parameters
    ----------
    smap : sunpy.map.sources.HMIMap
        Continuum or line-of-sight magnetogram, full disk or a cutout. It is not changed.
    psf : PSF, optional
        Of `sunpy_enhance.optics`; default `~sunpy_enhance.optics.WachterPSF`. It is removed altogether: unlike a
        network's, the result is not that of a larger telescope.
    iterations : int, optional
        How many. The only regularisation is to stop early.
    upsample : {"bilinear", "cubic"}, optional
        The interpolation to twice the sampling.
    signed : {"offset", "split"}, optional
        How a magnetogram is made positive, which the algorithm asks for. "offset": ten times its largest absolute
        value is added, and taken off at the end. "split": each polarity is deconvolved alone, and the results are
        subtracted. The paper does not say which it uses. Flux that cancelled in the telescope can come back
        with an offset; split polarities keep the weak field quiet, and pile up noise along the inversion lines.
    progress : bool, optional
        Show a progress bar.

    Returns
    -------
    sunpy.map.GenericMap
        float32, of the same class and unit, of twice the shape and half the pixel size. NaN where the input is not a
        number; its mask is True there and under the input's mask. ``ENHMODEL`` is "richardson-lucy".

    Raises
    ------
    TypeError
        Where `smap` is not a sunpy Map of real numbers, or `psf` no PSF.
    ValueError
        Where an option is unknown, or the Map cannot be deconvolved, as for `enhance_map`.

    Notes
    -----
    Pixels without a measurement are filled by the nearest value, off the disk by zero. The frame is continued by its
    mirror image.

    References
    ----------
    .. [1] Richardson (1972), J. Opt. Soc. Am. 62, 55, https://doi.org/10.1364/JOSA.62.000055
    .. [2] Lucy (1974), AJ 79, 745, https://doi.org/10.1086/111605

    Examples
    --------
    >>> from sunpy_enhance import richardson_lucy
    >>> from sunpy_enhance.demo import demo_maps
    >>> continuum, magnetogram = demo_maps((64, 64))
    >>> richardson_lucy(continuum, iterations=10).data.shape
    (128, 128)
    """
    _check(iterations, upsample, signed)
    check_psf(psf=psf)
    smap = with_unit(smap)
    magnetic = observable(smap) == "magnetogram"
    check_plate_scale(smap)
    if psf is None:
        from .optics import WachterPSF

        psf = WachterPSF()
    data = np.asarray(smap.data)  # of a dask array, once
    bad = invalid(data, smap.meta, smap.mask)
    image = _filled(data, bad, smap)
    image = _UPSAMPLE[upsample](rows_of(image, 0, len(image)))
    plate_scale = pixel_sides(smap)[0] / 2
    result = deconvolve(
        image, psf, plate_scale, iterations=iterations, signed=signed if magnetic else None, progress=progress
    )
    result[invalid(data, smap.meta).repeat(2, axis=0).repeat(2, axis=1)] = np.nan
    keywords = {"enhmodel": "richardson-lucy", "enhiter": iterations, "enhups": upsample}
    told = f"sunpy_enhance: Richardson-Lucy, {iterations} iterations after {upsample} interpolation"
    if magnetic:
        keywords["enhsign"] = signed
        told += f", made positive by {signed}"
    meta = enhanced_meta(smap, 2, keywords, [told, f"sunpy_enhance: {psf}", f"sunpy_enhance: {versions()}"])
    mask = bad.repeat(2, axis=0).repeat(2, axis=1) if bad.any() else None
    return smap._new_instance(result, meta, plot_settings=copy.deepcopy(smap.plot_settings), mask=mask)


def deconvolve(image, psf, plate_scale, *, iterations, signed=None, progress=False):
    """Deconvolve an image by `richardson_lucy`'s algorithm.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape (y, x), finite; not negative unless `signed` is given.
    psf : PSF
        Such as `sunpy_enhance.optics.WachterPSF`.
    plate_scale : float
        Arcsec per pixel.
    iterations : int
        How many.
    signed : {"offset", "split"}, optional
        How negative values are dealt with, see `richardson_lucy`; by default they are set to zero.
    progress : bool, optional
        Show a progress bar.

    Returns
    -------
    `numpy.ndarray`
        Same shape, float32.
    """
    options = {"psf": psf, "plate_scale": plate_scale, "iterations": iterations, "progress": progress}
    image = np.asarray(image, np.float32)
    if signed == "split":
        return _positive(image, **options) - _positive(-image, **options)
    # With an offset as small as the field itself one polarity would grow faster than the other, and be clipped.
    offset = 10 * np.abs(image).max() if signed == "offset" else np.float32(0)
    return _positive(image + offset, **options) - offset


def _positive(image, psf, plate_scale, iterations, progress):
    from scipy import fft

    from .optics import transfer_function

    pads = []
    for size in image.shape:
        before = min(int(_MARGIN / plate_scale), size)
        pads.append((before, fft.next_fast_len(size + 2 * before, real=True) - size - before))
    padded = np.pad(np.maximum(image, 0), pads, mode="symmetric")
    transfer = transfer_function(psf, padded.shape, plate_scale)
    lowest = np.float32(1e-6) * padded.max() + np.finfo(np.float32).tiny
    estimate = padded.copy()
    steps = range(iterations)
    if progress:
        from tqdm import tqdm

        steps = tqdm(steps, desc="Richardson-Lucy")
    for _ in steps:
        seen = _filter(estimate, transfer)
        # What the transform leaves below zero is rounding.
        np.maximum(seen, lowest, out=seen)
        np.divide(padded, seen, out=seen)
        estimate *= np.maximum(_filter(seen, transfer.conj()), 0)
    (y, _), (x, _) = pads
    return estimate[y : y + image.shape[0], x : x + image.shape[1]].copy()


def _filter(image, transfer):
    from scipy import fft

    spectrum = fft.rfft2(image, workers=-1)
    spectrum *= transfer
    return fft.irfft2(spectrum, s=image.shape, workers=-1, overwrite_x=True)


def _filled(data, bad, smap):
    """Return the data as float32, without a gap."""
    image = data.astype(np.float32)
    if bad.any():
        on_disk = Disk.of(smap).mu() > 0
        if (bad | ~on_disk).all():
            msg = "the Map has no valid pixel on the solar disk: there is nothing to deconvolve"
            raise ValueError(msg)
        # The sky's zeros come last: a gap at the limb would be filled with them.
        fill(image, bad, 0, bad & on_disk)
        image[bad & ~on_disk] = 0
    return image


def _check(iterations, upsample, signed):
    if isinstance(iterations, bool) or not isinstance(iterations, (int, np.integer)) or iterations < 1:
        msg = f"iterations is {iterations!r}, expected a positive integer"
        raise ValueError(msg)
    for name, value, known in (("upsample", upsample, _UPSAMPLE), ("signed", signed, _SIGNED)):
        if not isinstance(value, str) or value not in known:
            msg = f"{name} is {value!r}, expected one of {', '.join(map(repr, known))}"
            raise ValueError(msg)
