"""What a pixel shows: quiet Sun, penumbra or umbra; weak, moderate or strong field."""

import numpy as np

__all__ = ["regimes"]

# Intensity in units of the quiet Sun. The umbra's boundary is the contour at 0.5 (Jurcak et al. 2018, A&A 611, L4);
# granulation as HMI sees it, with a contrast of 4 %, hardly ever goes below 0.9.
_UMBRA, _QUIET = 0.5, 0.9
# Gauss. Five times the noise of a 45 s magnetogram (10 G; Liu et al. 2012, Sol. Phys. 279, 295), and the field whose
# pressure equals that of granular flows (Solanki, Inhester & Schuessler 2006, Rep. Prog. Phys. 69, 563).
_WEAK, _STRONG = 50.0, 500.0


def regimes(image, observable):
    """Sort the pixels of an image.

    Parameters
    ----------
    image : `numpy.ndarray`
        In units of the quiet Sun, or in gauss.
    observable : {"continuum", "magnetogram"}

    Returns
    -------
    dict
        Name to an array of bool: "quiet Sun" (at least 0.9), "penumbra" (at least 0.5) and "umbra" of a continuum
        image; "weak" (below 50 G), "moderate" and "strong" (at least 500 G) of a magnetogram.

    Raises
    ------
    ValueError
        Where the observable is another one.
    """
    if observable not in ("continuum", "magnetogram"):
        msg = f"observable is {observable!r}, expected 'continuum' or 'magnetogram'"
        raise ValueError(msg)
    if observable == "continuum":
        umbra, quiet = image < _UMBRA, image >= _QUIET
        return {"quiet Sun": quiet, "penumbra": ~umbra & ~quiet & np.isfinite(image), "umbra": umbra}
    field = np.abs(image)
    weak, strong = field < _WEAK, field >= _STRONG
    return {"weak": weak, "moderate": ~weak & ~strong & np.isfinite(field), "strong": strong}
