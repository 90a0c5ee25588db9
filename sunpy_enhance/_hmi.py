"""What is this Map? Which observable of HMI it holds, and whether it can be enhanced at all."""

import copy
import numbers
import re

import numpy as np

import astropy.units as u

__all__ = [
    "PLATE_SCALE",
    "SMALLEST",
    "check_plate_scale",
    "date_of",
    "observable",
    "pixel_matrix",
    "pixel_sides",
    "with_unit",
]

# Arcsec per pixel of the camera, and by how much headers differ from it.
PLATE_SCALE, _PLATE_SCALE_TOLERANCE = 0.504, 0.01
# What SunPy's reprojection does not keep, and is asked for here.
_KEEP = "and give the result INSTRUME, TELESCOP, CONTENT and BUNIT of the original"
_NATIVE = (
    f"use the native HMI data; where the Map was only resampled (never to undo binning), smap.reproject_to one of "
    f"{PLATE_SCALE} arcsec {_KEEP}"
)

# Pixels along the shorter side: below, a network sees mostly its own padding.
SMALLEST = 32

# Keywords that name the file, the series or its segment, wherever the Map comes from.
_NAMES = re.compile(r"file|series|segment|^drms_id$|^source$|^origin_?f", re.IGNORECASE)

# JSOC's series without scattered light are called <series>_dcon and _dconS, made from hmi.lev1_dcon.
_DECONVOLVED = re.compile(r"_dcon|(?<!not corrected for )scattered[ -]light", re.IGNORECASE)

_VECTOR = re.compile(
    r"\b(vector|inclination|azimuth|disambig\w*|b[rptxyz]|field(?: strength)?)\b(?! of view)", re.IGNORECASE
)
_SEGMENT = re.compile(r"[._:](field|inclination|azimuth|disambig|b[rpt])(?:_err)?(?:[._]|$)", re.IGNORECASE)
# JSOC's DRMS_ID, and the segments of a series that can be enhanced.
_DRMS_ID = re.compile(r"[\w.]+:\d+:(\w+)")
_SEGMENTS = ("continuum", "magnetogram")


def observable(smap):
    """Tell which observable a Map holds.

    Parameters
    ----------
    smap : sunpy.map.GenericMap

    Returns
    -------
    {"continuum", "magnetogram"}

    Raises
    ------
    TypeError
        Where it is not a sunpy Map of real numbers.
    ValueError
        Where it is a Map that cannot be enhanced; the message says why and what to do.
    """
    _check_instrument(smap)
    _check_history(smap)
    _check_projection(smap)
    kind = _content(smap)
    _check_header(smap)
    _check_data(smap)
    return kind


def check_plate_scale(smap, expected=PLATE_SCALE, tolerance=_PLATE_SCALE_TOLERANCE, *, advice=_NATIVE):
    """Raise ValueError unless pixels are squares of `expected` arcsec, within a relative `tolerance`."""
    matrix = pixel_matrix(smap)
    sides = np.hypot(*matrix)
    skew = abs(matrix[:, 0] @ matrix[:, 1]) / (sides[0] * sides[1]) if sides.all() else np.inf
    if not (np.all(np.abs(sides / expected - 1) <= tolerance) and skew <= tolerance):
        shape = "" if skew <= tolerance else f" (skewed: their sides are not at right angles, cosine {skew:.3g})"
        _refuse(
            f"the pixels are {sides[0]:.4f} x {sides[1]:.4f} arcsec{shape}, expected {expected} arcsec "
            f"within {tolerance:.1%}: {advice}"
        )


def pixel_sides(smap):
    """Return the lengths of a pixel's sides along x and y in arcsec, wherever the header has them.

    CDELT alone is not enough: it may be 1 beside a PC or CD matrix that has the scale in it.
    """
    return np.hypot(*pixel_matrix(smap))


def pixel_matrix(smap, unit=u.arcsec):
    """Return the angles (x, y) of a step along each pixel axis, as columns."""
    scale = [axis.to_value(unit / u.pix) for axis in smap.scale]
    return np.asarray(smap.rotation_matrix, dtype=float) * np.array(scale)[:, None]


def date_of(smap):
    """Return when a Map was taken, in UTC from T_OBS where the header has that alone: SunPy's ``date`` is then now."""
    known = any(smap.meta.get(key) for key in ("date-obs", "date_obs", "date-beg", "date-avg", "date-end"))
    return smap.date if known else smap.reference_date.utc


def with_unit(smap):
    """Return a Map with BUNIT where its header has JSOC's other name of it, _BUNIT, alone; else the same object."""
    meta = getattr(smap, "meta", {})
    unit = meta.get("_bunit")
    if "bunit" in meta or not (isinstance(unit, str) and unit):
        return smap
    if isinstance(u.Unit(unit, parse_strict="silent"), u.UnrecognizedUnit):
        return smap
    meta = copy.deepcopy(meta)
    meta["bunit"] = meta.pop("_bunit")
    settings = copy.deepcopy(smap.plot_settings)
    return smap._new_instance(smap.data, meta, settings, mask=smap.mask, uncertainty=smap.uncertainty)


def _refuse(message):
    raise ValueError(message)


def _check_instrument(smap):
    from sunpy.map import GenericMap
    from sunpy.map.sources import HMIMap, HMISynopticMap

    if not isinstance(smap, GenericMap):
        msg = f"expected a sunpy Map of SDO/HMI, got a {type(smap).__name__}: make it with sunpy.map.Map, one at a time"
        raise TypeError(msg)
    if isinstance(smap, HMISynopticMap):
        _refuse("this is a synoptic chart, remapped from many images: use a single hmi.M or hmi.Ic image")
    if not isinstance(smap, HMIMap):
        found = smap.instrument or "unknown"
        _refuse(f"the Map's instrument is {found!r} ({type(smap).__name__}): only SDO/HMI Maps can be enhanced")


def _check_history(smap):
    if smap.meta.get("enhmodel") is not None:
        _refuse(f"the Map is enhanced already (ENHMODEL = {smap.meta['enhmodel']!r}): use the original Map")
    told = [str(smap.meta.get(key, "")) for key in ("history", "comment", "content")]
    if any(_DECONVOLVED.search(text) for text in [*told, *_names(smap)]):
        _refuse(
            "the Map is deconvolved already (its header speaks of scattered light or of a _dcon series): "
            "use the standard series, such as hmi.Ic_720s or hmi.M_720s"
        )


def _names(smap):
    return [str(value) for key, value in smap.meta.items() if _NAMES.search(key)]


def _content(smap):
    """Tell the observable from CONTENT and the unit."""
    content = str(smap.meta.get("content") or "").strip()
    unit = smap.unit
    lower = content.lower()
    if "doppler" in lower or "velocity" in lower or _is(unit, u.m / u.s):
        _refuse(f"the Map is a Dopplergram (CONTENT = {content!r}): only continuum and magnetograms can be enhanced")
    segment = next((m[1] for name in _names(smap) if (m := _SEGMENT.search(name))), None)
    line_of_sight = re.search(r"magnetogram|line.of.sight|\blos\b", lower)
    vector = _VECTOR.search(content) if not line_of_sight or "vector" in lower else None
    if vector or segment or _is(unit, u.deg):
        _refuse(
            f"the Map is a component of the vector field ({segment or content or unit}): "
            "use the line-of-sight magnetogram, hmi.M_720s or hmi.M_45s"
        )
    # SHARPs say "HMI observable" for every segment; then its name has to tell, or the unit.
    unclear = lower in ("", "hmi observable")
    name = _DRMS_ID.fullmatch(str(smap.meta.get("drms_id")).strip())
    named = name and name[1].lower()
    if unclear and name and named not in _SEGMENTS:
        _refuse(f"the Map is the segment {name[1]!r} of its series: use the continuum or the line-of-sight magnetogram")
    if line_of_sight or (unclear and _is(unit, u.G)):
        if not _is(unit, u.G):
            _refuse(f"the magnetogram's unit is {unit}, expected one of a magnetic field: set BUNIT to 'Gauss'")
        if unclear and named != "magnetogram" and not (np.asarray(smap.data) < 0).any():
            _refuse(
                "the Map has the unit of a magnetic field and no negative value: it is a field strength, "
                "use the line-of-sight magnetogram (CONTENT = 'MAGNETOGRAM')"
            )
        return "magnetogram"
    if (
        "continuum" in lower
        or "limbdark" in re.sub("[ _-]", "", lower)
        or (unclear and unit is not None and _is_counts(unit))
    ):
        if unit is not None and not _is_counts(unit):
            _refuse(f"the continuum's unit is {unit}, expected DN/s or none: set BUNIT to what the data are")
        return "continuum"
    return _refuse(
        f"the Map is neither continuum nor a magnetogram (CONTENT = {content!r}, unit {unit}): "
        "use hmi.Ic_45s, hmi.Ic_720s, hmi.Ic_noLimbDark_720s, hmi.M_45s or hmi.M_720s"
    )


def _is(unit, other):
    # Mx/cm2 is a gauss for astropy.
    return unit is not None and unit.is_equivalent(other)


def _is_counts(unit):
    return set(unit.bases) <= {u.DN, u.ct, u.adu, u.electron, u.ph, u.s}


def _check_projection(smap):
    found = [str(smap.meta.get(f"ctype{axis}") or "").strip().upper() for axis in (1, 2)]
    # solar-x is SOHO's old name of the same.
    known = [("HPLN-TAN", "SOLAR-X", "SOLAR_X"), ("HPLT-TAN", "SOLAR-Y", "SOLAR_Y")]
    if all(found) and any(one not in names for one, names in zip(found, known, strict=True)):
        _refuse(
            f"the projection is {found[0]}, {found[1]}: the point spread function is that of the camera's own grid "
            "(HPLN-TAN, HPLT-TAN), so use the series that is not remapped (not SHARP CEA, not synoptic)"
        )
    lonpole = smap.meta.get("lonpole", 180)
    turned = {key: value for key, value in smap.meta.items() if re.fullmatch(r"pv[12]_\d+", key) and value}
    if turned.pop("pv1_3", 180) != 180 or turned or lonpole != 180:  # PV1_3 is another name of LONPOLE
        _refuse(f"LONPOLE or PVi_m in the header change the TAN projection: smap.reproject_to a plain one {_KEEP}")


def _check_header(smap):
    meta = smap.meta

    def has(*keys):
        return all(isinstance(meta.get(key), numbers.Real) and np.isfinite(meta[key]) for key in keys)

    missing = [f"CTYPE{axis}" for axis in (1, 2) if not meta.get(f"ctype{axis}")]
    missing += [f"CRPIX{axis}" for axis in (1, 2) if not has(f"crpix{axis}")]
    missing += [f"CRVAL{axis}" for axis in (1, 2) if not has(f"crval{axis}")]
    if not has("cdelt1", "cdelt2") and not has("cd1_1", "cd1_2", "cd2_1", "cd2_2"):
        missing += [f"CDELT{axis}" for axis in (1, 2) if not has(f"cdelt{axis}")]
    if not has("hgln_obs", "hglt_obs") and not has("crln_obs", "crlt_obs"):
        pairs = [[key for key in pair if not has(key)] for pair in (("hgln_obs", "hglt_obs"), ("crln_obs", "crlt_obs"))]
        missing.append(" or ".join(" and ".join(pair).upper().replace("AND", "and") for pair in pairs))
    missing += [key.upper() for key in ("dsun_obs",) if not has(key)]
    has_matrix = any(re.fullmatch("(pc|cd)[12]_[12]", key) for key in meta)  # without one, CROTA2 turns the image
    if not has_matrix and "crota2" in meta and not has("crota2"):
        missing.append("a number for CROTA2")
    if not has("rsun_obs") and not has("rsun_ref"):
        missing.append("RSUN_OBS or RSUN_REF")
    missing += [
        f"a positive {key.upper()}" for key in ("rsun_obs", "rsun_ref", "dsun_obs") if has(key) and meta[key] <= 0
    ]
    if not meta.get("date-obs") and not meta.get("t_obs"):
        missing.append("DATE-OBS or T_OBS")
    if missing:
        _refuse(f"the header lacks {', '.join(missing)}: load the Map from a file with its full header, or add them")


def _check_data(smap):
    data = smap.data
    if data.dtype.kind not in "iuf":
        msg = f"the data are of type {data.dtype}, expected real numbers: pass the part that is to be enhanced"
        raise TypeError(msg)
    if data.ndim != 2:
        _refuse(f"the data have {data.ndim} dimensions, expected 2: pass one image at a time")
    if min(data.shape) < SMALLEST:
        _refuse(f"the Map has {data.shape[0]} x {data.shape[1]} pixels, at least {SMALLEST} x {SMALLEST} are needed")
    if data.dtype.kind == "f" and not np.isfinite(np.asarray(data)).any():
        _refuse("the Map has no finite pixel: there is nothing to enhance")
