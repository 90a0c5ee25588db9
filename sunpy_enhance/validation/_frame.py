"""Whether one Map is of the same frame as another, at twice the sampling."""

import numpy as np

import astropy.units as u

from sunpy_enhance._hmi import date_of, pixel_matrix

__all__ = ["check_frame"]


def check_frame(enhanced, smap):
    """Raise unless one Map has twice the pixels of the other's frame."""
    expected, found = _frame(smap, 2), _frame(enhanced)
    for key, (value, tolerance) in expected.items():
        got = found[key][0]
        same = got == value if tolerance is None else np.allclose(got, value, rtol=0, atol=tolerance)
        if not same:
            msg = (
                f"the Maps are not of the same frame: the enhanced one has {key} {got}, expected {value}: "
                "give the Map that it was made from"
            )
            raise ValueError(msg)


def _frame(smap, scale=1):
    """Return what describes the frame of a Map on `scale` times its pixels, each with by how much it may differ.

    The header says it in several ways; compared is what SunPy makes of it.
    """
    matrix = pixel_matrix(smap)
    sides = np.hypot(*matrix)
    units = smap.spatial_units
    frame = {
        "shape": (tuple(scale * n for n in smap.data.shape), None),
        "unit": (smap.unit, None),
        "date": (date_of(smap).isot, None),
    }
    for axis, (length, pixel) in enumerate(zip(sides / scale, smap.reference_pixel, strict=True), start=1):
        value = (smap.meta.get(f"crval{axis}", 0) * units[axis - 1]).to_value(u.arcsec)
        # Both grids share the outer edge of the first pixel, at 0.5 in FITS' count.
        frame[f"crpix{axis}"] = (float(scale * (pixel.value + 0.5) + 0.5), 1e-3)
        frame[f"crval{axis} in arcsec"] = (float(value), 1e-3)
        frame[f"side of a pixel along axis {axis} in arcsec"] = (float(length), 1e-5 * length)
    frame["rotation matrix"] = (np.round(matrix / sides, 9).tolist(), 1e-5)
    return frame
