"""The uncertainty of an enhanced Map: as a Map of its own, into a FITS file and out of it again.

A FITS file has the enhanced Map in its primary HDU, and the standard deviations in the image extension ``UNCERT``, as
`astropy.nddata.CCDData` has it, with the coordinates of the Map. sunpy's own ``submap``, ``rotate`` and the like leave
the uncertainty of a Map out: do the same to `sigma_map`.
"""

import copy
import warnings

import numpy as np

from ._arguments import check_map

__all__ = ["read_map", "save_map", "sigma_map"]

_EXTENSION = "UNCERT"
_SUFFIXES = (".fits", ".fit", ".fts")


def sigma_map(enhanced):
    """Return the standard deviation of each pixel as a Map, which can be plotted, cut and rotated as any other.

    Parameters
    ----------
    enhanced : sunpy.map.GenericMap
        With an uncertainty, as ``enhance_map(smap, uncertainty=True)`` gives it.

    Returns
    -------
    sunpy.map.GenericMap
        Of the same class, unit and coordinates; it shares its pixels with the uncertainty.

    Raises
    ------
    TypeError
        Where it is no Map.
    ValueError
        Where the Map has no uncertainty, or one that is no standard deviation.
    """
    from astropy.nddata import StdDevUncertainty

    check_map(enhanced=enhanced)
    if not isinstance(enhanced.uncertainty, StdDevUncertainty):
        found = type(enhanced.uncertainty).__name__
        msg = f"the Map's uncertainty is {found}, expected StdDevUncertainty: use enhance_map(smap, uncertainty=True)"
        raise ValueError(msg)
    meta = copy.deepcopy(enhanced.meta)
    meta["extname"], meta["utype"] = _EXTENSION, "StdDevUncertainty"
    sigma = enhanced.uncertainty.array
    settings = {"cmap": "viridis"}
    finite = sigma[np.isfinite(sigma)]
    with warnings.catch_warnings():
        if not finite.size:  # HMIMap looks for the largest value
            warnings.simplefilter("ignore", RuntimeWarning)
        result = enhanced._new_instance(sigma, meta, plot_settings=settings, mask=enhanced.mask)
    from matplotlib.colors import Normalize

    top = np.percentile(finite[:: max(1, finite.size // 10**6)], 99.5) if finite.size else 1.0
    result.plot_settings["norm"] = Normalize(0, top)
    return result


def save_map(enhanced, path, *, overwrite=False):
    """Write a Map with its uncertainty, if it has one, to a FITS file.

    The uncertainty keeps the mask, as it is NaN there. Without one the mask is lost, as with ``smap.save``.

    Parameters
    ----------
    enhanced : sunpy.map.GenericMap
    path : str or os.PathLike
        Its name ends with .fits, .fit or .fts. It appears only when it is complete.
    overwrite : bool, optional
        Replace a file that exists.

    Raises
    ------
    TypeError
        Where it is no Map.
    ValueError
        Where the name is that of another format, or of a compressed file.
    FileNotFoundError
        Where there is no such folder.
    FileExistsError
        Where the file exists and is not to be replaced.

    See Also
    --------
    read_map : Reads it again. ``sunpy.map.Map(path, hdus=0)`` gives the Map without its uncertainty,
        ``sunpy.map.Map(path)`` a list of the Map and its `sigma_map`, and
        ``astropy.nddata.CCDData.read(path)`` an image with its uncertainty.
    """
    from ._files import with_home, write_map

    check_map(enhanced=enhanced)
    path = with_home(path)
    if path.suffix.lower() not in _SUFFIXES:
        msg = f"the file's name is {path.name!r}, expected one that ends with .fits, .fit or .fts: only FITS is written"
        raise ValueError(msg)
    if not path.parent.is_dir():
        msg = f"there is no folder {path.parent}: make it first"
        raise FileNotFoundError(msg)
    if path.exists() and not overwrite:
        msg = f"{path} exists: give another name, or overwrite=True to replace it"
        raise FileExistsError(msg)
    write_map(enhanced, path)


def read_map(path):
    """Read the one Map of a FITS file, with its uncertainty if it has one.

    Parameters
    ----------
    path : str or os.PathLike

    Returns
    -------
    sunpy.map.GenericMap
        Where there is an uncertainty, the mask is True where that is NaN.

    Raises
    ------
    ValueError
        Where it is damaged or no FITS file, no solar image with a full header, or holds several.
    FileNotFoundError
        Where there is no such file.
    """
    from ._files import read_map as read

    return read(path)


def append_sigma(enhanced, path):
    """Add the extension ``UNCERT`` to a FITS file, if the Map has an uncertainty."""
    if enhanced.uncertainty is None:
        return
    from astropy.io import fits

    from sunpy.io._fits import header_to_fits

    sigma = sigma_map(enhanced)
    header = header_to_fits(sigma.meta)
    # An extension may not have what describes a primary HDU; its numbers are described by astropy.
    for key in ("simple", "extend", "history", "comment"):
        header.remove(key, ignore_missing=True, remove_all=True)
    fits.append(path, sigma.data, header)


def has_sigma(headers):
    """Tell whether a FITS file with these headers has the extension ``UNCERT``."""
    return any(header.get("EXTNAME") == _EXTENSION for header in headers)


def with_sigma(maps):
    """Return the one Map that is meant by a Map and its `sigma_map`, or None where they are others."""
    if len(maps) != 2 or maps[1].meta.get("extname") != _EXTENSION or maps[0].data.shape != maps[1].data.shape:
        return None
    from astropy.nddata import StdDevUncertainty

    enhanced, sigma = maps
    lost = np.isnan(sigma.data)
    return enhanced._new_instance(
        enhanced.data,
        enhanced.meta,
        plot_settings=enhanced.plot_settings,
        mask=lost if lost.any() else None,
        uncertainty=StdDevUncertainty(sigma.data, copy=False),
    )
