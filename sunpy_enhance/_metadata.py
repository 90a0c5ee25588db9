"""The header of an enhanced Map: its world coordinates, nothing stale, and where it comes from."""

import copy
import math
import numbers
import re
import textwrap

__all__ = ["enhanced_meta", "rescale"]

# Keywords that describe the old pixels. JSOC's meanings: jsoc.stanford.edu/keylists/hmi.lev1.txt and those of the
# observables; FITS' own: FITS standard 4.0, sections 4.4 and 10.
_STALE = re.compile(
    r"""
    _?data(min|max|medn|mean|rms|skew|kurt)     # statistics over the disk; JSOC has had them with an underscore, too
    |data(min|max|med|mea|rms|ske|kur)2         # and over all pixels
    |(tot|data|miss|sat)vals|percentd|npix|nacr # numbers of pixels
    |bscale|bzero|blank|checksum|datasum|headsum|_bunit  # how the numbers were stored, and sums over that
    |xtension|pcount|gcount|groups|extname|extver|tfields|t(type|form)\d+
    |z(image|cmptype|bitpix|quantiz|dither0|blank|scale|zero|simple|extend|pcount|gcount|tension|hecksum|datasum)
    |z(blocked|maskcmp|naxis\d*|tile\d+|name\d+|val\d+)
    |imcrpix[12]|[xy]0(_mp|_lf)?                # positions and lengths in pixels of the camera or of the parent image
    |rsun_(lf|mp)|imscl_mp|im_scale
    """,
    re.IGNORECASE | re.VERBOSE,
)

# Lengths in arcsec or degrees per pixel along a pixel axis, alternate descriptions (trailing letter) included.
_PER_PIXEL = re.compile(r"(cdelt[12]|cd[12]_[12])[a-z]?", re.IGNORECASE)
_REFERENCE_PIXEL = re.compile(r"crpix[12][a-z]?", re.IGNORECASE)

_ASCII = re.compile(r"[ -~]*")

# Characters of a FITS HISTORY card: 80 less the keyword.
_LINE = 72


def enhanced_meta(smap, scale, keywords, history):
    """Return the header of the enhanced Map.

    Parameters
    ----------
    smap : sunpy.map.GenericMap
        The input; its header is copied, not changed.
    scale : int
        Output pixels per input pixel along an axis.
    keywords : dict
        Keywords to add.
    history : list of str
        Sentences to add to HISTORY, wrapped at 72 characters.

    Returns
    -------
    sunpy.util.MetaDict
    """
    meta = copy.deepcopy(smap.meta)
    for key in list(meta):
        if _STALE.fullmatch(key) or not _storable(key, meta[key]):
            del meta[key]
    rescale(meta, scale)
    rows, columns = smap.data.shape
    for key, value in {
        "bitpix": -32,
        "naxis": 2,
        "naxis1": scale * columns,
        "naxis2": scale * rows,
        **keywords,
    }.items():
        meta[key] = value
    lines = [line for sentence in history for line in textwrap.wrap(_plain(sentence), _LINE)]
    before = [_plain(line) for line in str(meta.get("history") or "").splitlines()]
    meta["history"] = "\n".join([*before, *lines])
    if meta.get("comment"):
        meta["comment"] = "\n".join(_plain(line) for line in str(meta["comment"]).splitlines())
    return meta


def rescale(meta, scale):
    """Change a header in place to that of the same frame with `scale` times the pixels along both axes.

    Of the PC matrix and CROTA2 nothing changes, as both axes are scaled alike.
    """
    for key, value in meta.items():
        if not isinstance(value, numbers.Real):
            continue
        if _PER_PIXEL.fullmatch(key):
            meta[key] = value / scale
        elif _REFERENCE_PIXEL.fullmatch(key):
            # Both grids share the outer edge of the first pixel, at 0.5 in FITS' count.
            meta[key] = scale * (value - 0.5) + 0.5
        elif key == "r_sun":  # in pixels
            meta[key] = scale * value


def _storable(key, value):
    """Tell whether FITS can hold it: the rest would be dropped with a warning when the Map is saved."""
    if key in ("history", "comment", "hv_comment", "keycomments"):
        return True
    if len(key) > 8 or not _ASCII.fullmatch(key):
        return False
    if isinstance(value, numbers.Real):
        return math.isfinite(value)
    return value is not None and bool(_ASCII.fullmatch(str(value)))


def _plain(text):
    return "".join(c if _ASCII.fullmatch(c) else "?" for c in text.expandtabs(1))
