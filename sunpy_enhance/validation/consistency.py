"""Whether an enhanced Map gives the observation back when the telescope is put in front of it again."""

import dataclasses

import numpy as np

import astropy.units as u

from sunpy_enhance.validation._frame import check_frame
from sunpy_enhance.validation._made_by import METHODS, made_by, telescope
from sunpy_enhance.validation._residuals import levels, residual_by_regime, spectra
from sunpy_enhance.validation._tables import check_lines

__all__ = ["Check", "check"]


@dataclasses.dataclass(frozen=True, eq=False)
class Check:
    """What `check` found; intensities are in units of the quiet Sun, fields in gauss.

    Attributes
    ----------
    smap, enhanced : sunpy.map.GenericMap
        What was compared.
    residual : sunpy.map.GenericMap
        What HMI would have seen of the enhanced Map minus what it saw, in the Map's unit; NaN where there is nothing
        to compare.
    normalised : numpy.ndarray
        The same in units of the quiet Sun or in gauss, as the noise is.
    used : numpy.ndarray of bool
        Pixels that the figures are of.
    observable : {"continuum", "magnetogram"}
    model : str
        What made the enhanced Map.
    noise : float
        Standard deviation of the input's noise; where it was given in counts, the median over the pixels that were
        used, as their quiet Sun is not the same.
    regimes : dict
        Name ("all" first, then those of `sunpy_enhance.validation.regimes`) to ``pixels``, ``rms``, ``bias``,
        ``relative`` (sum of the absolute residuals over that of the input's values) and ``chi_square``. For a field
        also ``strength``, the mean of the residual along the input's field: where both polarities lose, it is negative
        while they cancel in the bias. In weak field the noise that was taken off the input makes it negative, too.
    levels : dict
        ``mean``, ``unsigned`` (mean of the absolute values) and ``contrast`` (standard deviation), each before and
        after: of all valid pixels on the disk. For a field also ``net_flux`` and ``unsigned_flux`` in maxwell, of the
        line-of-sight field in the plane of the sky.
    spectra : dict
        "before", "after" and "residual" to (frequency in cycles per arcsec, power), see
        `sunpy_enhance.validation.spectra.radial_power`, of the largest square that was used.
    """

    smap: object = dataclasses.field(repr=False)
    enhanced: object = dataclasses.field(repr=False)
    residual: object = dataclasses.field(repr=False)
    normalised: np.ndarray = dataclasses.field(repr=False)
    used: np.ndarray = dataclasses.field(repr=False)
    observable: str
    model: str
    noise: float
    regimes: dict
    levels: dict
    spectra: dict = dataclasses.field(repr=False)

    @property
    def chi_square(self):
        """Mean square of the residual over that of the noise.

        About 1 where all but the noise is explained; far below, the noise was fitted; far above, the result
        contradicts the data.
        """
        return self.regimes["all"]["chi_square"]

    def __str__(self):
        return "\n".join(check_lines(self))

    def to_dict(self):
        """Return all figures as numbers, strings and lists, for JSON."""
        told = {
            name: {"frequency": frequency.tolist(), "power": power.tolist()}
            for name, (frequency, power) in self.spectra.items()
        }
        kept = ("observable", "model", "noise", "regimes", "levels")
        return {key: getattr(self, key) for key in kept} | {"chi_square": self.chi_square, "spectra": told}

    def plot(self, figure=None):
        """Draw it on one page.

        Parameters
        ----------
        figure : matplotlib.figure.Figure, optional
            An empty one to draw on; by default a new one, which pyplot does not know of.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from sunpy_enhance.validation._figures import check_page

        return check_page(self, figure)


@u.quantity_input
def check(
    enhanced,
    smap,
    *,
    model=None,
    psf=None,
    target=None,
    noise=None,
    quiet_sun=None,
    border: u.arcsec = 8 * u.arcsec,
):
    """Compare what HMI would have seen of an enhanced Map with what it saw.

    A residual above the noise, or one with structure, says that the result does not agree with the data there. One at
    the level of the noise says that it agrees; so would many other images, as all detail that HMI does not pass is
    invisible to this check.

    Parameters
    ----------
    enhanced : sunpy.map.GenericMap
        Output of `sunpy_enhance.enhance_map`, `sunpy_enhance.richardson_lucy` or
        `sunpy_enhance.validation.bicubic`.
    smap : sunpy.map.GenericMap
        The Map that it was made from.
    model : str or os.PathLike, optional
        The network that made it, a name or the path of an ONNX file; default: what ``ENHMODEL`` says.
    psf, target : PSF, optional
        Of HMI and of the telescope whose image `enhanced` is; default: those of the network's card.
    noise : astropy.units.Quantity, optional
        Standard deviation of the input's noise, in its unit, or dimensionless in units of the quiet Sun; default: that
        of the card.
    quiet_sun : number, numpy.ndarray or astropy.units.Quantity, optional
        As given to `sunpy_enhance.enhance_map`; default: the number that ``HISTORY`` says was given, or else what is
        found from the Map.
    border : astropy.units.Quantity, optional
        Pixels closer than this (along an axis) to the frame's border, or to one that was not enhanced, are left out:
        unknown light comes in there. Within the default lies 96 % of the light of HMI's point spread function.

    Returns
    -------
    Check

    Raises
    ------
    TypeError
        Where `enhanced` is not a sunpy Map, `smap` not one of real numbers, or another argument is of the wrong type.
    ValueError
        Where one is a Map of standard deviations, they are not of the same frame, nothing is left within the border
        or all is flagged, it is not known what made `enhanced`, or that has the name of a shipped network and is
        another one, the network is for another observable, the noise is not positive or in a unit of another kind, or
        a level of the quiet Sun that was given per pixel is not given again.

    Examples
    --------
    >>> from sunpy_enhance import enhance_map
    >>> from sunpy_enhance.demo import demo_maps
    >>> from sunpy_enhance.validation import check
    >>> continuum, magnetogram = demo_maps()
    >>> found = check(enhance_map(magnetogram), magnetogram)  # doctest: +IGNORE_OUTPUT
    >>> round(float(found.chi_square), 1)
    0.8
    """
    from sunpy_enhance._arguments import check_image, check_psf
    from sunpy_enhance._hmi import observable, pixel_sides, with_unit
    from sunpy_enhance._pixels import dilate
    from sunpy_enhance._provenance import given_level
    from sunpy_enhance.optics import redegrade
    from sunpy_enhance.photometry import to_network

    check_image(enhanced=enhanced, smap=smap)
    check_psf(psf=psf, target=target)
    if not (border.isscalar and np.isfinite(border) and border >= 0 * u.arcsec):
        msg = f"border is {border}, expected one angle that is finite and not negative, such as 8 * u.arcsec"
        raise ValueError(msg)
    smap = with_unit(smap)
    kind = observable(smap)
    check_frame(enhanced, smap)
    name, card, left = made_by(enhanced.meta, kind, model)
    card.check(smap)
    psf, target = psf or telescope(name, "psf", card.psf), target or telescope(name, "target", left)
    quiet_sun = given_level(enhanced.meta) if quiet_sun is None else quiet_sun
    limb = enhanced.meta.get("enhlimb", "mask")
    _, calibration = to_network(smap, card, quiet_sun, limb)
    level = calibration.level(0, len(calibration.data))
    sigma = card.noise if noise is None else _in_network_unit(noise, smap, level, kind)
    again = redegrade(enhanced, psf=psf, target=target)

    data = calibration.data
    valid = (calibration.mu > 0) & ~calibration.bad & np.isfinite(again.data)
    used = valid & ~_flagged(enhanced, calibration, card if name not in METHODS else None, limb)
    if not used.any():
        msg = "no pixel is left to compare: all are off the disk or flagged, beyond the validated mu for example"
        raise ValueError(msg)
    pixels = int(np.ceil(border.to_value(u.arcsec) / pixel_sides(smap)[0]))
    used &= ~dilate(np.pad(~used, 1, constant_values=True), pixels)[1:-1, 1:-1] & valid
    if not used.any():
        msg = f"no pixel is left to compare farther than {border} from the border: give a smaller border="
        raise ValueError(msg)

    before = np.where(valid, data / level, np.nan)
    difference = np.where(used, again.data - data, np.nan)
    residual = difference / level
    sigma = np.broadcast_to(np.asarray(sigma, float), used.shape)
    residual_map = smap._new_instance(difference.astype(np.float32), again.meta, plot_settings=None)
    after = _after(enhanced, calibration)
    return Check(
        smap=smap,
        enhanced=enhanced,
        residual=residual_map,
        normalised=residual,
        used=used,
        observable=kind,
        model=name,
        noise=float(np.median(sigma[used])),
        regimes=residual_by_regime(before, residual, used, kind, sigma),
        levels=levels(smap, before, after, valid, kind),
        spectra=spectra(before, after, residual, used, card.plate_scale),
    )


def _flagged(enhanced, calibration, card, limb):
    """Return True for input pixels that were not enhanced, or are not to be trusted; the card is that of a network."""
    from sunpy_enhance._trust import Flags

    # SunPy writes no mask to FITS: what a network flags is found again.
    flagged = np.zeros_like(calibration.bad) if card is None else Flags.of(calibration, card, limb).any()
    if enhanced.mask is not None:
        rows, columns = flagged.shape
        flagged |= enhanced.mask.reshape(rows, 2, columns, 2).any(axis=(1, 3))
    return flagged


def _in_network_unit(noise, smap, level, kind):
    """Return a noise in units of the quiet Sun, of each pixel where its level changes, or in gauss."""
    if not isinstance(noise, u.Quantity):
        msg = f"noise is a {type(noise).__name__}, expected a Quantity, such as 10 * u.G"
        raise TypeError(msg)
    if not (noise.isscalar and np.isfinite(noise.value) and noise.value > 0):
        msg = f"noise is {noise}, expected one standard deviation that is finite and positive"
        raise ValueError(msg)
    own = u.dimensionless_unscaled if smap.unit is None else smap.unit
    magnetic = kind == "magnetogram"
    relative = u.dimensionless_unscaled
    if not magnetic and noise.unit.is_equivalent(relative) and not own.is_equivalent(relative):
        return noise.to_value(relative)
    try:
        return noise.to_value(u.G) if magnetic else noise.to_value(own) / level
    except u.UnitConversionError as error:
        other = "" if magnetic else ", or in units of the quiet Sun"
        msg = f"noise is {noise}, the Map in {str(own) or 'no unit'}: give it in a unit like the Map's{other}"
        raise ValueError(msg) from error


def _after(enhanced, calibration):
    """Return the enhanced image in units of the quiet Sun, or in gauss."""
    from sunpy_enhance._threads import bands

    after = np.empty(enhanced.data.shape, np.float32)
    for start, stop in bands(len(after) // 2):
        rows = slice(2 * start, 2 * stop)
        after[rows] = enhanced.data[rows] / calibration.level(start, stop, 2)
    return after
