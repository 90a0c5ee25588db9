"""A synthetic Sun: paired continuum and line-of-sight field, as truth for training.

It is procedural, not a simulation: each ingredient is drawn with sizes, brightnesses and
field strengths of the literature, and the granulation has the power spectrum of the real Sun.
Images are periodic, so that they can be degraded with Fourier transforms without borders.
"""

import dataclasses

import numpy as np

from ._granulation import granulation, lowpass, noise, positions, scatter, sigmoid, voronoi
from ._spots import draw_pores, draw_spots

__all__ = ["KINDS", "Scene", "synthetic_sun"]

KINDS = ("quiet", "network", "plage", "pores", "spot")
SUPERGRANULE = 40.0
TUBE = 1500.0


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


def synthetic_sun(kind, shape=(1024, 1024), *, seed, plate_scale=0.0662, mu=1.0):
    """Draw a patch of the Sun, periodic at its borders.

    `mu` foreshortens along x, tilts the field against the line of sight and weakens the
    granulation; lengths near the limb are those of the flat Sun, without projected heights.

    Parameters
    ----------
    kind : {"quiet", "network", "plage", "pores", "spot"}
        What is in it.
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
    layers = [draw(rng, shape, pixel) for draw in LAYERS.get(kind, ())]
    for dark in layers:
        moat = 0.25 * np.exp(-(((dark.level - 1.3) / 0.25) ** 2))
        weight = weight * np.clip((dark.level - 0.9) * 5, 0, 1) + moat
    strength = tubes(rng, lane, weight, pixel)
    vertical = TUBE * strength * polarity + internetwork(rng, lane, pixel)
    if kind == "quiet":
        vertical = balance(vertical)
    fluctuation *= (0.4 + 0.6 * mu) * (1 - 0.1 * np.clip(weight, 0, 1))
    continuum = magnetic_brightness(1 + fluctuation, strength, pixel, mu)
    if kind in ("quiet", "network"):
        continuum /= continuum.mean()
    field = mu * vertical
    for dark in layers:
        # the observer stands on the side of the disk's centre, away from the limb
        along = mu * dark.vertical - np.sqrt(1 - mu**2) * dark.towards_limb
        continuum = dark.continuum + dark.outside * (continuum - dark.continuum)
        field = along + dark.outside * (field - along)
    return Scene(continuum.astype(np.float32), field.astype(np.float32), plate_scale, kind)


def activity(rng, kind, shape, pixel):
    """How densely flux tubes stand in the lanes (0 to 1) and their polarity (-1 to 1).

    The network outlines supergranules of 29 Mm (Simon & Leighton 1964, ApJ 140, 1120; Rieutord &
    Rincon 2010, Living Rev. Solar Phys. 7, 2); the densities of plage give the distribution of
    the field that HMI sees around AR 11158 (median 150 G where its mean exceeds 80 G).
    """
    extent = np.array(shape) * pixel
    points = scatter(rng, extent, SUPERGRANULE)
    where = positions(rng, shape, pixel, ((4.0, 1.5), (1.0, 0.4)))
    _, first, second, third = voronoi(points, np.zeros(len(points)), where, extent)
    patchy = noise(rng, shape, pixel, 1.6)
    border = np.exp(-(((second - first) / 3.5) ** 2))
    node = np.exp(-(((third - first) / 7.0) ** 2))
    large = noise(rng, shape, pixel, 8.0)
    sign = rng.choice([-1, 1])
    if kind == "quiet":
        weight = (0.35 * border + 0.5 * node) * np.clip(0.35 + 0.6 * patchy, 0, 1)
        return weight, np.clip(6 * large, -1, 1)
    if kind == "network":
        weight = (0.7 * border + 0.5 * node) * np.clip(0.4 + 0.6 * patchy, 0, 1)
        return weight, sign * np.clip(6 * (large + 1.2), -1, 1)
    if kind == "plage":
        weight = np.clip(0.62 + 0.25 * border + 0.3 * large + 0.25 * patchy, 0, 1)
        return weight, sign * np.ones(shape, dtype=np.float32)
    weight = np.clip(0.4 + 0.35 * border + 0.35 * large + 0.3 * patchy, 0, 0.95)
    return weight, np.clip(6 * (noise(rng, shape, pixel, 5.0) + sign * 0.4), -1, 1)


def tubes(rng, lane, weight, pixel):
    """Fraction of a kilogauss field in each pixel: sheets and dots of 100 to 300 km in the lanes.

    The half-width varies along the lane; where it is negative there is no tube, where it is
    small the field is too (Solanki 1993, Space Sci. Rev. 63, 1).
    """
    shape = lane.shape
    varied = 0.85 * noise(rng, shape, pixel, 0.18) + 0.7 * noise(rng, shape, pixel, 0.8)
    half_width = 0.09 * varied + np.interp(weight, [0, 0.15, 0.5, 1], [-0.5, -0.25, -0.09, 0.04])
    kilogauss = np.clip(0.85 + 0.18 * noise(rng, shape, pixel, 0.15), 0.2, 1.15)
    return sigmoid((half_width - lane) / 0.045) * kilogauss


def internetwork(rng, lane, pixel):
    """Weak mixed polarity with an exponential-like distribution, strongest in the lanes.

    Its strength leaves HMI, with 6 to 7 G of noise, the 9 G that it shows in quiet pixels.
    """
    shape = lane.shape
    fine = noise(rng, shape, pixel, 0.09) + 0.25 * noise(rng, shape, pixel, 0.25)
    return 32 * fine * np.abs(fine) ** 0.7 * (0.35 + np.exp(-((lane / 0.25) ** 2)))


def balance(field):
    """Scale the weaker polarity up and the stronger down until the net flux vanishes."""
    up, down = np.clip(field, 0, None).sum(dtype=float), -np.clip(field, None, 0).sum(dtype=float)
    ratio = np.sqrt(down / up)
    return np.where(field > 0, field * ratio, field / ratio)


def magnetic_brightness(continuum, strength, pixel, mu):
    """Narrow tubes are bright (hot walls), wide ones dark (convection is suppressed).

    Tubes below 0.3 arcsec are bright points, those above about 1 arcsec micropores
    (Spruit 1976; Solanki 1993); towards the limb they are faculae.
    """
    size = lowpass(strength, pixel, 0.35)
    bright = np.interp(size, [0, 0.15, 0.35, 0.6, 0.9, 1], [1.5, 1.45, 1.0, 0.65, 0.4, 0.35])
    bright = bright + 0.15 * (1 - mu)
    hot = np.clip((strength - 0.3) / 0.6, 0, 1)
    return continuum + hot * (bright - continuum)


LAYERS = {"pores": (draw_pores,), "spot": (draw_pores, draw_spots)}
