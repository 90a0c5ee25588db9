"""`enhance_map`: the whole story on one screen."""

import numbers

from ._hmi import with_unit
from ._network import apply_tiled, load_network
from ._session import check_device
from .models import available_models, model_for
from .photometry import LIMBS, to_map, to_network

__all__ = ["enhance_map"]


def enhance_map(
    smap, *, model=None, limb="mask", uncertainty=False, quiet_sun=None, tile_size=None, device="auto", progress=False
):
    """Free an SDO/HMI Map from the telescope's point spread function, at twice the sampling.

    Parameters
    ----------
    smap : sunpy.map.sources.HMIMap
        Continuum or line-of-sight magnetogram at HMI's native plate scale, full disk or a cutout.
        It is not changed.
    model : str or os.PathLike, optional
        Name of a shipped network (see `available_models`), "diazbaso2018" for the published one (which is
        downloaded at its first use), or path of an ONNX file with a `ModelCard`. By default the shipped one for
        the Map's observable.
    limb : {"mask", "enhance", "nan"}, optional
        What to do beyond the smallest cosine of the heliocentric angle (mu) that the network was validated
        for, decided per input pixel. "mask": give the interpolated input and flag it in the mask. "enhance":
        enhance everywhere on the disk. "nan": give NaN there and off the disk.
    uncertainty : bool, optional
        Give the standard deviation of the error of each pixel, too, the input's noise included: as the Map's
        ``uncertainty``, an `astropy.nddata.StdDevUncertainty` in its unit. What it was found to cover on truth kept
        from the training is in the card (`ModelCard`).
    quiet_sun : number, numpy.ndarray or astropy.units.Quantity, optional
        Intensity of the quiet Sun, for continuum: a number is *the level everywhere* (as in a series without
        limb darkening; not the level at disk centre), an array of the Map's shape is the level of each pixel,
        and is interpolated linearly to the output pixels. Without unit it is in that of the Map. By default
        it is found from the Map itself (see Notes).
    tile_size : int, optional
        Input pixels along a side of the tiles that the Map is worked through in, 32 or more. It
        changes memory and time, never the result.
    device : {"auto", "cuda", "cpu"}, optional
        Where to run. "auto" takes CUDA where it works.
    progress : bool, optional
        Show a progress bar.

    Returns
    -------
    sunpy.map.GenericMap
        float32, of the same class and unit, of twice the shape and half the pixel size. Its mask is True
        where a pixel is not enhanced, depends on a pixel that had to be filled, or is outside the range of values
        that the network was trained on, and None where there is no such pixel. The uncertainty is NaN there.
        Pixels that are NaN (or BLANK, or infinite) in the input are NaN in the output; off the disk and under
        the input's mask there is the interpolated input, or NaN with ``limb="nan"``.

    Raises
    ------
    TypeError
        Where `smap` is not a sunpy Map of real numbers, or an argument is of the wrong type.
    ValueError
        Where an option is unknown, or the Map cannot be enhanced: other instruments and observables, remapped,
        binned, deconvolved or enhanced Maps, and those without a complete header; or the network does not tell
        its error. The message says what to do.
    FileNotFoundError
        Where the model's file does not exist.
    ConnectionError, TimeoutError, ImportError
        Where the published network cannot be fetched: see `sunpy_enhance.published.fetch_network`.
    RuntimeError
        Where ``device="cuda"`` does not work.

    Warns
    -----
    sunpy.util.exceptions.SunpyUserWarning
        Where pixels inside the validated disk are flagged, or more of the limb than a full disk has: with the share
        of each reason. And where hardly any of a continuum Map is quiet Sun and its level is not given.

    Notes
    -----
    Continuum is divided by the quiet-Sun level before the network and multiplied by the same surface, at the
    output pixels, after it. The level is 1 where the values are those of a series without limb darkening, or the
    header is and there is hardly any quiet Sun; such a Map that was divided by its mean or maximum has one level, too,
    that of the bright peak of its distribution. Otherwise it is the published limb darkening [2]_ scaled to that peak,
    so that spots do not shift it; where the frame spans more than half of the range of mu, the shape itself is fitted.
    A frame without any quiet Sun needs ``quiet_sun``.

    References
    ----------
    .. [1] Diaz Baso & Asensio Ramos (2018), A&A 614, A5, https://doi.org/10.1051/0004-6361/201731344
    .. [2] Neckel (2005), Sol. Phys. 229, 13, https://doi.org/10.1007/s11207-005-4081-z

    Examples
    --------
    >>> import sunpy.map
    >>> from sunpy_enhance import enhance_map
    >>> enhanced = enhance_map(sunpy.map.Map("hmi.ic_720s.fits"))  # doctest: +SKIP
    """
    check_options(limb, tile_size, device)
    smap = with_unit(smap)
    network = load_network(model_for(smap, model), device)
    network.card.check(smap)
    if uncertainty:
        _check_sigma(network)
    image, calibration = to_network(smap, network.card, quiet_sun, limb)
    outputs = ["enhanced", "sigma"] if uncertainty else ["enhanced"]
    results = apply_tiled(network, image, tile_size, needed=calibration.used, progress=progress, outputs=outputs)
    _say(network)
    return to_map(results[0], calibration, smap, network, limb, *results[1:])


def check_options(limb, tile_size, device):
    """Raise where an option that has nothing to do with the Map is none."""
    if limb not in LIMBS:
        msg = f"limb is {limb!r}, expected one of {', '.join(map(repr, LIMBS))}"
        raise ValueError(msg)
    check_device(device)
    if tile_size is not None:
        if isinstance(tile_size, bool) or not isinstance(tile_size, numbers.Integral):
            msg = f"tile_size is a {type(tile_size).__name__}, expected an integer of at least 32"
            raise TypeError(msg)
        if tile_size < 32:
            msg = f"tile_size is {tile_size}, expected an integer of at least 32"
            raise ValueError(msg)


def _check_sigma(network):
    card = network.card
    if card.uncertainty is None:
        able = [name for name, other in available_models().items() if other.uncertainty is not None]
        able = [name for name in able if available_models()[name].observable == card.observable]
        advice = f"take {' or '.join(map(repr, able))}" if able else "leave uncertainty= out"
        msg = f"uncertainty=True, but the network {card.name} does not tell its error: {advice}"
        raise ValueError(msg)


def _say(network):
    from sunpy import log

    log.info(f"sunpy_enhance: {network.card.name} {network.card.version} ran on {network.device}")
