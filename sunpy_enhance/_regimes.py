"""Regimes of the Sun by what a user sees of them: the enhanced value of the pixel itself."""

import numpy as np

__all__ = ["BOUNDARIES", "split"]

# Least value of each regime, in units of the quiet Sun or in gauss of the absolute field.
# Umbra: 0.5 as Jurcak et al. (2018), A&A 611, L4. Quiet Sun: only the darkest lanes between granules are below 0.85.
# Weak field: five times the noise of HMI's 720 s and 45 s magnetograms (some 10 G).
BOUNDARIES = {
    "continuum": {"umbra": -np.inf, "penumbra": 0.5, "quiet Sun": 0.85},
    "magnetogram": {"weak field": 0.0, "strong field": 50.0},
}


def split(observable, enhanced):
    """Yield the name of each regime and where it is.

    Parameters
    ----------
    observable : {"continuum", "magnetogram"}
    enhanced : numpy.ndarray
        In units of the quiet Sun or in gauss.

    Yields
    ------
    name : str
    where : numpy.ndarray of bool
    """
    values = np.abs(enhanced) if observable == "magnetogram" else enhanced
    least = [*BOUNDARIES[observable].values(), np.inf]
    for name, low, high in zip(BOUNDARIES[observable], least, least[1:], strict=False):
        yield name, (values >= low) & (values < high)
