"""Which quiet-Sun level a continuum Map has: given, 1 by design of its series, or found from its pixels."""

import re

import numpy as np

import astropy.units as u

from ._quiet_sun import LOWEST, PEAK, SAMPLE, QuietSun, fit_quiet_sun, limb_darkening, quiet_level

__all__ = ["as_level", "quiet_sun_of"]

# Levels within this range of 1 are those of a series without limb darkening, where the quiet Sun is 1 by design; or of
# one in units of the disk's centre, or of its own median. Which of them, the spread tells: without limb darkening it is
# less, by this factor. Where the frame spans too little of it, the header may tell; else, whether limb darkening
# explains by so much more why they are not 1.
_ABOUT_ONE, _LESS, _EXPLAINED = (0.8, 1.2), 0.9, 0.02
# The quiet Sun of such a series is within this of 1: another level is that of a Map divided by a number of its own.
_BY_DESIGN = 0.05
# Of a frame's pixels, and the contrast within the peak of the distribution: granulation has 0.04 in HMI images, values
# that are spread evenly over the peak 0.07.
_QUIET_SHARE, _QUIET_CONTRAST = 0.3, 0.05
# What the header of such a series says, and where: hmi_limbdark makes them, and writes its coefficients, LDCOEF0 to 5.
_FLAT = re.compile(r"no_?limb_?dark(?!en|_c)|hmi_limbdark", re.IGNORECASE)
_TELLING = re.compile(r"^(content|history|series|drms_id)$|file|^origin_?f", re.IGNORECASE)


def quiet_sun_of(smap, data, disk, mu, measured, given=None):
    """Return the quiet-Sun level of a continuum Map.

    Parameters
    ----------
    smap : sunpy.map.GenericMap
    data : numpy.ndarray
        The Map's.
    disk : sunpy_enhance._geometry.Disk
    mu : numpy.ndarray
        Cosine of the heliocentric angle of each pixel.
    measured : numpy.ndarray of bool
        Pixels on the disk that have a measurement.
    given : number, array or astropy.units.Quantity, optional
        See `sunpy_enhance.enhance_map`.

    Returns
    -------
    QuietSun

    Raises
    ------
    TypeError
        Where `given` is none of these.
    ValueError
        Where `given` does not fit the Map, or no positive level is found.
    """
    if given is not None:
        return _given(smap, given)
    step = max(1, int(np.sqrt(data.size / SAMPLE)))
    values, mu = _sample(data, mu, measured, step)
    few = slice(None, None, -(-values.size // 2**16))  # a coarse look is enough
    level, flat = quiet_level(values[few]), _is_flat(smap)
    if flat or _ABOUT_ONE[0] <= level <= _ABOUT_ONE[1]:
        has_quiet_sun = _has_quiet_sun(values, level)
        if (flat and not has_quiet_sun) or not _is_darkened(values[few], mu[few], level, flat):
            if has_quiet_sun and abs(level - 1) > _BY_DESIGN:
                return QuietSun("level of the frame", level)
            if level < _ABOUT_ONE[1]:
                return QuietSun("1 by design of the series", 1.0)
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
    flattened = values / limb_darkening(mu)
    of_centre = quiet_level(flattened)
    before, after = (np.median(np.abs(v / of - 1)) for v, of in ((values, level), (flattened, of_centre)))
    if min(before, after) < _LESS * max(before, after):
        return bool(after < before)
    return not flat and bool(abs(of_centre - 1) <= abs(level - 1) - _EXPLAINED)


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
