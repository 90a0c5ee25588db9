"""The reference methods that every result stands beside, Map in and Map out.

The others are ``enhance_map(smap, model="continuum-linear")`` and `sunpy_enhance.richardson_lucy`.
"""

import copy

import numpy as np

__all__ = ["bicubic"]


def bicubic(smap):
    """Interpolate an SDO/HMI Map to twice the sampling by cubic convolution, and do nothing else.

    Parameters
    ----------
    smap : sunpy.map.sources.HMIMap
        Continuum or line-of-sight magnetogram. It is not changed.

    Returns
    -------
    sunpy.map.GenericMap
        float32, of twice the shape and half the pixel size; NaN where the input is not a number. Its mask is True there
        and under the input's mask, where there is what the nearest values give, and the median of the Map more than
        four pixels from any. ``ENHMODEL`` is "bicubic".

    Raises
    ------
    TypeError
        Where `smap` is not a sunpy Map of real numbers.
    ValueError
        Where it is none that `sunpy_enhance.enhance_map` would take, or has no valid pixel.

    Examples
    --------
    >>> from sunpy_enhance.demo import demo_maps
    >>> from sunpy_enhance.validation import bicubic
    >>> bicubic(demo_maps((64, 64))[0]).data.shape
    (128, 128)
    """
    from sunpy_enhance._hmi import check_plate_scale, observable, with_unit
    from sunpy_enhance._metadata import enhanced_meta
    from sunpy_enhance._pixels import cubic, enlarge, fill, invalid, rows_of

    smap = with_unit(smap)
    observable(smap)
    check_plate_scale(smap)
    data = np.asarray(smap.data)  # of a dask array, once
    bad = invalid(data, smap.meta, smap.mask)
    if bad.all():
        msg = "the Map has no valid pixel: there is nothing to interpolate"
        raise ValueError(msg)
    image = data.astype(np.float32)
    fill(image, bad, 4)
    result = cubic(rows_of(image, 0, len(image)))
    result[enlarge(invalid(data, smap.meta))] = np.nan
    mask = enlarge(bad) if bad.any() else None
    meta = enhanced_meta(smap, 2, {"enhmodel": "bicubic"}, ["sunpy_enhance: bicubic interpolation"])
    return smap._new_instance(result, meta, plot_settings=copy.deepcopy(smap.plot_settings), mask=mask)
