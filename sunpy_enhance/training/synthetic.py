"""A synthetic Sun: paired continuum and line-of-sight field, as truth for training.

It is procedural, not a simulation: each ingredient is drawn with sizes, brightnesses and
field strengths of the literature, and the granulation has the power spectrum of the real Sun.
Images are periodic, so that they can be degraded with Fourier transforms without borders.
"""

import dataclasses

import numpy as np

from ._flux_tubes import TUBE, activity, balance, internetwork, magnetic_brightness, tubes
from ._granulation import granulation, noise
from ._spots import draw_pores, draw_spots

__all__ = ["KINDS", "PLATE_SCALE", "Scene", "synthetic_sun"]

KINDS = ("quiet", "network", "plage", "mixed", "pores", "spot", "bipole", "delta")
# Arcsec per pixel: 48 km at disk centre.
PLATE_SCALE = 0.0662


@dataclasses.dataclass(frozen=True)
class Scene:
    """Paired images of one patch of the Sun.

    Attributes
    ----------
    continuum : array of float32, shape (y, x)
        Intensity in units of the quiet Sun's mean.
    field : array of float32, shape (y, x)
        Line-of-sight field in gauss, positive towards the observer.
    plate_scale : float
        Arcsec per pixel.
    kind : str
        One of `KINDS`.
    """

    continuum: np.ndarray
    field: np.ndarray
    plate_scale: float
    kind: str


def synthetic_sun(kind, shape=(1024, 1024), *, seed, plate_scale=PLATE_SCALE, mu=1.0):
    """Draw a patch of the Sun, periodic at its borders.

    `mu` foreshortens along x, tilts the field against the line of sight and weakens the
    granulation; the quiet Sun stays 1, as where limb darkening has been divided out. Lengths near the limb are those of
    the flat Sun, without projected heights.

    Parameters
    ----------
    kind : {"quiet", "network", "plage", "mixed", "pores", "spot", "bipole", "delta"}
        What is in it: ``"mixed"`` is plage of both polarities, ``"spot"`` one or two spots, ``"bipole"`` two of
        opposite polarity, ``"delta"`` two opposite umbrae in one penumbra.
    shape : tuple of int
        Pixels ``(y, x)``.
    seed : int
        The same seed gives the same scene.
    plate_scale : float
        Arcsec per pixel; 0.0662 is 48 km.
    mu : float
        Cosine of the heliocentric angle; the limb is towards +x.

    Returns
    -------
    Scene
    """
    if kind not in KINDS:
        msg = f"kind is {kind!r}; it must be one of {', '.join(KINDS)}."
        raise ValueError(msg)
    if not 0 < mu <= 1:
        msg = f"mu is {mu}; it must be above 0 and at most 1."
        raise ValueError(msg)
    rng = np.random.default_rng(seed)
    pixel = np.array([plate_scale, plate_scale / mu])
    fluctuation, lane = granulation(rng, shape, pixel)
    weight, polarity = activity(rng, kind, shape, pixel)
    layers = [draw(rng, shape, pixel, kind) for draw in LAYERS.get(kind, ())]
    for dark in layers:
        # moving magnetic features: both polarities side by side within 10 Mm of the spot (Harvey & Harvey 1973,
        # Sol. Phys. 28, 61; Hagenaar & Shine 2005, ApJ 635, 659)
        moat = np.exp(-(((dark.level - 1.3) / 0.25) ** 2))
        weight = weight * np.clip((dark.level - 0.9) * 5, 0, 1) + 0.25 * moat
        polarity = polarity + moat * (np.clip(4 * noise(rng, shape, pixel, 0.8), -1, 1) - polarity)
    strength = tubes(rng, lane, weight, pixel)
    weak, weak_towards_limb = internetwork(rng, lane, pixel)
    fluctuation *= (0.4 + 0.6 * mu) * (1 - 0.1 * np.clip(weight, 0, 1))
    continuum = magnetic_brightness(1 + fluctuation, strength, pixel, mu)
    if kind in ("quiet", "network"):
        continuum /= continuum.mean()
    # the observer stands on the side of the disk's centre, away from the limb
    away = np.sqrt(1 - mu**2)
    field = mu * (TUBE * strength * polarity + weak) - away * weak_towards_limb
    if kind == "quiet":
        field = balance(field)
    for dark in layers:
        along = mu * dark.vertical - away * dark.towards_limb
        continuum = dark.continuum + dark.outside * (continuum - dark.continuum)
        field = along + dark.outside * (field - along)
    return Scene(continuum.astype(np.float32), field.astype(np.float32), plate_scale, kind)


LAYERS = {
    "pores": (draw_pores,),
    "spot": (draw_pores, draw_spots),
    "bipole": (draw_pores, draw_spots),
    "delta": (draw_pores, draw_spots),
}
