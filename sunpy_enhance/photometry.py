"""From a Map to the numbers that a network takes, and back: units, quiet-Sun level, limb, invalid pixels."""

import copy
import dataclasses
import re
import warnings

import numpy as np

import astropy.units as u

from ._geometry import Disk
from ._metadata import enhanced_meta
from ._pixels import cubic, dilate, enlarge, fill, invalid, spans
from ._provenance import history_of, keywords_of
from ._quiet_sun import LOWEST, PEAK, SAMPLE, QuietSun, fit_quiet_sun, limb_darkening, quiet_level
from ._sigma import factor_at, widen_border
from ._threads import each_band
from ._trust import Flags

__all__ = ["LIMBS", "Calibration", "as_level", "to_map", "to_network"]

LIMBS = ("mask", "enhance", "nan")

# Levels within this range of 1 are those of a series without limb darkening, where the quiet Sun is 1 by design; or of
# one in units of the disk's centre, or of its own median. Which of them, the spread tells: without limb darkening it is
# less, by this factor. Where the frame spans too little of it, the header may tell; else, whether limb darkening
# explains by so much more why they are not 1.
ABOUT_ONE, LESS, EXPLAINED = (0.8, 1.2), 0.9, 0.02
# The quiet Sun of such a series is within this of 1: another level is that of a Map divided by a number of its own.
_BY_DESIGN = 0.05
# Of a frame's pixels, and the contrast within the peak of the distribution: granulation has 0.04 in HMI images, values
# that are spread evenly over the peak 0.07.
_QUIET_SHARE, _QUIET_CONTRAST = 0.3, 0.05
# What the header of such a series says, and where: hmi_limbdark makes them, and writes its coefficients, LDCOEF0 to 5.
_FLAT = re.compile(r"no_?limb_?dark(?!en|_c)|hmi_limbdark", re.IGNORECASE)
_TELLING = re.compile(r"^(content|history|series|drms_id)$|file|^origin_?f", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What is needed to turn the network's output into a Map again.

    Attributes
    ----------
    data : numpy.ndarray
        The Map's.
    quiet_sun : QuietSun or None
        None for a magnetogram.
    to_unit : float
        Map units per network unit, quiet-Sun level apart.
    bad : numpy.ndarray of bool
        Pixels without a measurement.
    mu : numpy.ndarray
        Cosine of the heliocentric angle of each pixel, 0 off the disk.
    used : numpy.ndarray of bool
        Pixels whose enhanced values are used; the decision holds for all four of them.
    image : numpy.ndarray
        What the network is given.
    """

    data: np.ndarray
    quiet_sun: QuietSun | None
    to_unit: float
    bad: np.ndarray
    mu: np.ndarray
    used: np.ndarray
    image: np.ndarray

    def level(self, start, stop, scale=1, columns=slice(None)):
        """Return Map units per network unit at pixels, an array where it changes: see `QuietSun.rows`."""
        if self.quiet_sun is None:
            return self.to_unit
        mu = self.mu[start:stop, columns] if scale == 1 else None
        return self.to_unit * self.quiet_sun.rows(start, stop, scale, columns, mu)


def to_network(smap, card, quiet_sun=None, limb="mask"):
    """Turn a Map into what a network takes.

    Parameters
    ----------
    smap : sunpy.map.GenericMap
        Checked by `ModelCard.check`.
    card : ModelCard
    quiet_sun : number, array or astropy.units.Quantity, optional
    limb : {"mask", "enhance", "nan"}
        See `sunpy_enhance.enhance_map`.

    Returns
    -------
    image : numpy.ndarray
        float32, all finite, in the card's unit.
    calibration : Calibration

    Raises
    ------
    ValueError
        Where no valid pixel is on the disk, or `quiet_sun` does not fit the Map.
    """
    disk = Disk.of(smap)
    data = np.asarray(smap.data)  # of a dask array, once
    image = np.empty(data.shape, dtype=np.float32)
    mu = np.empty(data.shape, dtype=np.float32)
    bad = invalid(data, smap.meta, smap.mask)
    measured, used = np.empty_like(bad), np.empty_like(bad)
    lowest = 0.0 if limb == "enhance" else card.mu_validated

    def find_mu(start, stop):
        rows = slice(start, stop)
        mu[rows] = disk.mu(start, stop)
        measured[rows] = (mu[rows] > 0) & ~bad[rows]
        used[rows] = measured[rows] & (mu[rows] >= lowest)

    each_band(find_mu, len(data))
    if not measured.any():
        msg = "the Map has no valid pixel on the solar disk: there is nothing to enhance"
        raise ValueError(msg)

    if card.normalisation == "quiet_sun":
        surface, to_unit = _surface(smap, data, disk, mu, measured, quiet_sun), 1.0
    else:
        if quiet_sun is not None:
            msg = "quiet_sun is for continuum Maps, this one is a magnetogram: leave it out"
            raise ValueError(msg)
        surface, to_unit = None, float(u.Unit(card.unit).to(smap.unit))

    calibration = Calibration(data, surface, to_unit, bad, mu, used, image)

    def normalise(start, stop):
        with np.errstate(invalid="ignore", over="ignore"):  # of bad pixels, which are filled below
            image[start:stop] = data[start:stop].astype(np.float64) / calibration.level(start, stop)

    each_band(normalise, len(data))
    if bad.any():
        # A little for the interpolation; and twice the halo, so that all that the network sees is smooth.
        fill(image, bad, 4, dilate(used, 2 * card.halo))
    return image, calibration


def to_map(enhanced, calibration, smap, network, limb, sigma=None):
    """Turn a network's output into a Map.

    Parameters
    ----------
    enhanced : numpy.ndarray
        float32; overwritten.
    calibration : Calibration
    smap : sunpy.map.GenericMap
        The input.
    network : sunpy_enhance._network.Network
    limb : {"mask", "enhance", "nan"}
    sigma : numpy.ndarray, optional
        float32; overwritten. It becomes the Map's uncertainty, and NaN wherever the Map is flagged: the network's
        error was measured nowhere there.

    Returns
    -------
    sunpy.map.GenericMap
        Of the input's class.
    """
    card, scale = network.card, network.card.scale
    used = calibration.used
    flags = Flags.of(calibration, card, limb)
    flags.warn(calibration, card, limb)
    flagged = flags.any()

    def restore(start, stop):
        rows, here = slice(scale * start, scale * stop), used[start:stop]
        for columns in spans(here):
            where = rows, slice(scale * columns.start, scale * columns.stop)
            level = calibration.level(start, stop, scale, columns)
            if sigma is not None:
                factor = factor_at(calibration.mu[start:stop, columns], enhanced[where], card.uncertainty)
                sigma[where] *= level * factor
            enhanced[where] *= level
        if sigma is not None:
            np.copyto(sigma[rows], np.nan, where=enlarge(flagged[start:stop]))
        if here.all():
            return
        lost = invalid(calibration.data[start:stop], smap.meta)  # masked pixels are not lost
        if limb == "nan":
            lost |= ~here
        np.copyto(enhanced[rows], np.nan, where=enlarge(lost))
        wanted = ~here & ~lost
        for columns in spans(wanted):
            block = enhanced[rows, scale * columns.start : scale * columns.stop]
            np.copyto(block, _input(smap, calibration, start, stop, columns), where=enlarge(wanted[:, columns]))

    each_band(restore, len(used))
    if sigma is not None:
        widen_border(sigma, card.uncertainty.get("border", ()), scale)
    mask = enlarge(flagged) if flagged.any() else None
    meta = enhanced_meta(smap, scale, keywords_of(network, limb), history_of(network, limb, calibration))
    # The norm and the colour map are objects: a plot of one Map must not change the other.
    settings = copy.deepcopy(smap.plot_settings)
    with warnings.catch_warnings():
        if not used.any():  # HMIMap looks for the largest field, and limb="nan" may have left none
            warnings.simplefilter("ignore", RuntimeWarning)
        more = {} if sigma is None else {"uncertainty": _uncertainty(sigma)}
        return smap._new_instance(enhanced, meta, plot_settings=settings, mask=mask, **more)


def _uncertainty(sigma):
    from astropy.nddata import StdDevUncertainty

    return StdDevUncertainty(sigma, copy=False)  # in the unit of the Map that it is given to


def _input(smap, calibration, start, stop, columns):
    """Interpolate the input between rows and columns in the Map's unit, invalid pixels filled."""
    rows = np.clip(np.arange(start - 2, stop + 2), 0, len(calibration.bad) - 1)
    low, high = rows[0], rows[-1] + 1
    # Two more columns where there are some, as at the Map's edge the outermost one is repeated.
    left = min(columns.start, 2)
    around = slice(columns.start - left, columns.stop + 2)
    where = slice(low, high), around
    data = calibration.data[where].astype(np.float32)
    holes = invalid(calibration.data[where], smap.meta)
    if holes.any():
        data[holes] = (calibration.image[where] * calibration.level(low, high, columns=around))[holes]
    return cubic(data[rows - low])[:, 2 * left : 2 * (left + columns.stop - columns.start)]


def _surface(smap, data, disk, mu, measured, given):
    """Return the quiet-Sun level of a continuum Map."""
    if given is not None:
        return _given(smap, given)
    step = max(1, int(np.sqrt(data.size / SAMPLE)))
    values, mu = _sample(data, mu, measured, step)
    level = quiet_level(values[:: -(-values.size // 2**16)])  # a coarse look is enough
    flat, has_quiet_sun = _is_flat(smap), _has_quiet_sun(values, level)
    by_design = QuietSun("1 by design of the series", 1.0)
    if level < ABOUT_ONE[1] and flat and not has_quiet_sun:
        return by_design
    if (flat or ABOUT_ONE[0] <= level <= ABOUT_ONE[1]) and not _is_darkened(values, mu, level, flat):
        if has_quiet_sun and abs(level - 1) > _BY_DESIGN:
            return QuietSun("level of the frame", level)
        if level < ABOUT_ONE[1]:
            return by_design
    surface = fit_quiet_sun(values, mu, disk)
    if not surface.level > 0:
        msg = f"the quiet-Sun level is found to be {surface.level:.4g}: give it with quiet_sun="
        raise ValueError(msg)
    if not _has_quiet_sun(values / surface.rows(0, len(data), mu=mu), 1.0):
        from sunpy.util.exceptions import warn_user

        told = f"hardly any of this Map is quiet Sun, its level is taken for {surface.level:.5g}"
        warn_user(f"{told}: give it with quiet_sun=", stacklevel=4)
    return surface


def _is_flat(smap):
    """Tell whether the header names a series without limb darkening, or the program that makes it."""
    told = " ".join(str(value) for key, value in smap.meta.items() if _TELLING.search(key))
    return "ldcoef0" in smap.meta or bool(_FLAT.search(told))


def _is_darkened(values, mu, level, flat):
    """Tell whether intensities have limb darkening in them; `flat` is what the header says."""
    few = slice(None, None, -(-values.size // 2**16))
    values, flattened = values[few], values[few] / limb_darkening(mu[few])
    of_centre = quiet_level(flattened)
    before, after = (np.median(np.abs(v / of - 1)) for v, of in ((values, level), (flattened, of_centre)))
    if min(before, after) < LESS * max(before, after):
        return bool(after < before)
    return not flat and bool(abs(of_centre - 1) <= abs(level - 1) - EXPLAINED)


def _has_quiet_sun(values, level):
    """Tell whether many values are granulation about a level: a penumbra's are spread more widely."""
    close = values[np.abs(values / level - 1) < PEAK]
    return close.size > _QUIET_SHARE * values.size and close.std() < _QUIET_CONTRAST * level


def _sample(data, mu, measured, step):
    """Return measured values on the disk and their mu, `step` pixels apart, or all where those would be few."""
    some = (slice(None, None, step),) * 2
    inside = measured[some] & (mu[some] >= LOWEST)
    if not inside.any():
        inside = measured[some]
    if step > 1 and np.count_nonzero(inside) < SAMPLE // 16:
        return _sample(data, mu, measured, 1)
    return data[some][inside].astype(float), mu[some][inside].astype(float)


def as_level(given):
    """Return a quiet-Sun level, given as a number or numbers without a unit, as an array; raise where it is none."""
    try:
        level = np.array(given)
    except (TypeError, ValueError):  # a sequence of sequences of different lengths
        level = np.array(None)
    if level.dtype.kind not in "iuf":
        msg = f"quiet_sun is a {type(given).__name__}, expected a number, an array of numbers or a Quantity"
        raise TypeError(msg)
    level = level.astype(np.float64)
    if not np.all(np.isfinite(level) & (level > 0)):
        msg = "quiet_sun has values that are not positive and finite: a quiet-Sun intensity is"
        raise ValueError(msg)
    return level


def _given(smap, given):
    """Return the level that the caller gave."""
    if isinstance(given, u.Quantity):
        if smap.unit is None and given.unit != u.dimensionless_unscaled:
            msg = f"quiet_sun is in {given.unit} and the Map has no unit: give a number, or set BUNIT"
            raise ValueError(msg)
        try:
            given = given.to_value(smap.unit or u.dimensionless_unscaled)
        except u.UnitConversionError as error:
            msg = f"quiet_sun is in {given.unit}, the Map in {smap.unit}: give it in a unit that can be converted"
            raise ValueError(msg) from error
    level = as_level(given)
    if level.shape not in ((), smap.data.shape):
        msg = f"quiet_sun has the shape {level.shape}, expected a number or the Map's shape {smap.data.shape}"
        raise ValueError(msg)
    if level.shape == ():
        return QuietSun("given", float(level))
    return QuietSun("given per pixel", float(np.median(level)), array=level)
