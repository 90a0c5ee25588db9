"""Arguments that are not what is asked for, refused in one sentence."""

import numbers

import numpy as np

__all__ = ["check_image", "check_map", "check_positive", "check_psf", "check_wavelength"]

# Ångström, from the ultraviolet to the far infrared: what is outside is in another unit.
_WAVELENGTHS = 1000, 1_000_000


def check_map(**maps):
    """Raise TypeError where an argument is not a sunpy Map."""
    from sunpy.map import GenericMap

    for name, smap in maps.items():
        if not isinstance(smap, GenericMap):
            msg = f"{name} is a {type(smap).__name__}, expected a sunpy Map: make it with sunpy.map.Map, one at a time"
            raise TypeError(msg)


def check_image(**maps):
    """Raise where an argument is not a sunpy Map, or one of standard deviations."""
    check_map(**maps)
    for name, smap in maps.items():
        if smap.meta.get("utype") == "StdDevUncertainty":
            msg = f"{name} is a Map of standard deviations, expected the image: take the first one of the file"
            raise ValueError(msg)


def check_positive(**values):
    """Raise ValueError where an argument is not a positive finite number."""
    for name, value in values.items():
        if not (isinstance(value, numbers.Real) and np.isfinite(value) and value > 0):
            msg = f"{name} is {value!r}, expected a positive number"
            raise ValueError(msg)


def check_wavelength(wavelength):
    """Raise ValueError where an argument is not a wavelength in Ångström."""
    check_positive(wavelength=wavelength)
    shortest, longest = _WAVELENGTHS
    if not shortest <= wavelength <= longest:
        msg = f"wavelength is {wavelength!r}, expected {shortest} to {longest} Ångström: convert it"
        raise ValueError(msg)


def check_psf(**psfs):
    """Raise TypeError where an argument is neither None nor a point spread function."""
    for name, psf in psfs.items():
        if psf is None:
            continue
        is_psf = not isinstance(psf, type) and hasattr(psf, "round")
        if not (is_psf and hasattr(psf, "transfer" if psf.round else "transfer_xy")):
            found = f"the class {psf.__name__}" if isinstance(psf, type) else f"a {type(psf).__name__}"
            msg = f"{name} is {found}, expected a PSF of sunpy_enhance.optics, such as WachterPSF()"
            raise TypeError(msg)
