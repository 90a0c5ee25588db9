"""Whether an enhanced Map gives the observation back when the telescope is put in front of it again."""

import dataclasses

import numpy as np

import astropy.units as u

from sunpy_enhance.validation._residuals import levels, residual_by_regime, spectra
from sunpy_enhance.validation._tables import check_lines

__all__ = ["Check", "check"]

# What is not a network and has no card, with the telescope that is left in it. Bicubic interpolation removes nothing:
# it is judged as if it were what it is compared with.
_METHODS = {"richardson-lucy": {"kind": "delta"}, "bicubic": {"kind": "airy"}}


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
    used : numpy.ndarray of bool
        Pixels that the figures are of.
    observable : {"continuum", "magnetogram"}
    model : str
        What made the enhanced Map.
    noise : float
        Standard deviation of the input's noise.
    regimes : dict
        Name ("all" first, then those of `sunpy_enhance.validation.regimes`) to ``pixels``, ``rms``, ``bias``,
        ``relative`` (sum of the absolute residuals over that of the input's values) and ``chi_square``.
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
    noise: u.Quantity = None,
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
        As given to `sunpy_enhance.enhance_map`.
    border : astropy.units.Quantity, optional
        Pixels closer than this (along an axis) to the frame's border, or to one that was not enhanced, are left out:
        unknown light comes in there. Within the default lies 96 % of the light of HMI's point spread function.

    Returns
    -------
    Check

    Raises
    ------
    TypeError
        Where `smap` is not a sunpy Map of real numbers.
    ValueError
        Where the Maps are not of the same frame, nothing is left within the border, or it is not known what made
        `enhanced`.

    Examples
    --------
    >>> from sunpy_enhance import enhance_map
    >>> from sunpy_enhance.demo import demo_maps
    >>> from sunpy_enhance.validation import check
    >>> continuum, magnetogram = demo_maps()
    >>> found = check(enhance_map(magnetogram), magnetogram)  # doctest: +IGNORE_OUTPUT
    >>> round(float(found.chi_square), 1)
    1.1
    """
    from sunpy_enhance._hmi import observable
    from sunpy_enhance._pixels import dilate
    from sunpy_enhance.optics import redegrade
    from sunpy_enhance.photometry import to_network

    kind = observable(smap)
    _check_frame(enhanced, smap)
    name, card, left = _method(enhanced, kind, model)
    psf, target = psf or _from_card(name, "psf", card.psf), target or _from_card(name, "target", left)
    # SunPy writes no mask to FITS: what it was is known from the header and the input.
    _, calibration = to_network(smap, card, quiet_sun, enhanced.meta.get("enhlimb", "mask"))
    again = redegrade(enhanced, psf=psf, target=target)

    valid = (calibration.mu > 0) & ~calibration.bad & np.isfinite(again.data)
    used = _footprint(enhanced, card if name not in _METHODS else None, calibration)
    pixels = int(np.ceil((border / abs(smap.scale.axis1)).to_value(u.pix)))
    used &= ~dilate(np.pad(~used, 1, constant_values=True), pixels)[1:-1, 1:-1] & valid
    if not used.any():
        msg = f"no pixel is left to compare farther than {border} from the border: give a smaller border="
        raise ValueError(msg)

    level = calibration.level(0, len(used))
    before = np.where(valid, smap.data / level, np.nan)
    residual = np.where(used, (again.data - smap.data) / level, np.nan)
    sigma = card.noise if noise is None else _in_network_unit(noise, smap, calibration)
    residual_map = smap._new_instance(
        np.where(used, again.data - smap.data, np.nan).astype(np.float32), again.meta, plot_settings=None
    )
    after = _after(enhanced, calibration)
    return Check(
        smap=smap,
        enhanced=enhanced,
        residual=residual_map,
        used=used,
        observable=kind,
        model=name,
        noise=float(sigma),
        regimes=residual_by_regime(before, residual, used, kind, sigma),
        levels=levels(smap, before, after, valid, kind),
        spectra=spectra(before, after, residual, used, card.plate_scale),
    )


def _check_frame(enhanced, smap):
    """Raise unless one Map has twice the pixels of the other's frame."""
    expected = {"shape": tuple(2 * n for n in smap.data.shape), "unit": smap.unit}
    expected |= {f"crpix{axis}": 2 * (smap.meta[f"crpix{axis}"] - 0.5) + 0.5 for axis in "12"}
    found = {"shape": enhanced.data.shape, "unit": enhanced.unit}
    found |= {f"crpix{axis}": enhanced.meta.get(f"crpix{axis}") for axis in "12"}
    same = enhanced.date == smap.date
    for key, value in expected.items():
        close = np.isclose(found[key], value, atol=1e-3) if key.startswith("crpix") else found[key] == value
        if not close or not same:
            msg = (
                f"the Maps are not of the same frame: the enhanced one has {key} {found[key]} of {enhanced.date}, "
                f"expected {value} of {smap.date}: give the Map that it was made from"
            )
            raise ValueError(msg)


def _method(enhanced, kind, model):
    """Return the name of the method, a card, and the telescope that is left, as a card has it."""
    from sunpy_enhance._network import load_network

    name = model if model is not None else enhanced.meta.get("enhmodel")
    if name is None:
        msg = "the header has no ENHMODEL: give the network that made the Map with model="
        raise ValueError(msg)
    if name in _METHODS:
        return name, load_network(kind, "cpu").card, _METHODS[name]
    try:
        card = load_network(name, "cpu").card
    except (FileNotFoundError, ValueError) as error:
        msg = f"the network {name!r} of the enhanced Map is not known ({error}): give its file with model="
        raise ValueError(msg) from error
    return card.name, card, card.target


def _from_card(name, key, described):
    from sunpy_enhance.optics import psf_from_card

    if not described:
        msg = f"the card of {name} has no {key}: give it with {key}="
        raise ValueError(msg)
    return psf_from_card(**described)


def _footprint(enhanced, card, calibration):
    """Return True for input pixels that were enhanced from measured ones."""
    from sunpy_enhance._pixels import dilate

    if card is None:
        footprint = (calibration.mu > 0) & ~calibration.bad
    else:
        footprint = calibration.used & ~dilate(calibration.bad, card.halo)
    if enhanced.mask is not None:
        rows, columns = footprint.shape
        footprint &= ~enhanced.mask.reshape(rows, 2, columns, 2).any(axis=(1, 3))
    return footprint


def _in_network_unit(noise, smap, calibration):
    """Return a noise in units of the quiet Sun, or in gauss."""
    if calibration.quiet_sun is None:
        return noise.to_value(u.G)
    if noise.unit == u.dimensionless_unscaled and (smap.unit or noise.unit) != noise.unit:
        return noise.value
    return noise.to_value(smap.unit or noise.unit) / calibration.quiet_sun.level


def _after(enhanced, calibration):
    """Return the enhanced image in units of the quiet Sun, or in gauss."""
    from sunpy_enhance._threads import bands

    after = np.empty(enhanced.data.shape, np.float32)
    for start, stop in bands(len(after) // 2):
        rows = slice(2 * start, 2 * stop)
        after[rows] = enhanced.data[rows] / calibration.level(start, stop, 2)
    return after
