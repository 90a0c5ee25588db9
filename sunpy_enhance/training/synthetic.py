"""A synthetic Sun: paired continuum and line-of-sight field, as truth for training.

It is procedural, not a simulation: each ingredient is drawn with sizes, brightnesses and
field strengths of the literature, and the granulation has the power spectrum of the real Sun.
Images are periodic, so that they can be degraded with Fourier transforms without borders.
"""

import dataclasses

import numpy as np
from scipy import fft, ndimage

from ._granulation import frequency, granulation, lowpass, noise, positions, scatter, voronoi

__all__ = ["KINDS", "Scene", "synthetic_sun"]

KINDS = ("quiet", "network", "plage", "pores", "spot")
SUPERGRANULE = 40.0
TUBE = 1500.0
UMBRA = 0.42


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


@dataclasses.dataclass
class Dark:
    """Pores or spots: their own images, and `outside`, the weight (0 to 1) of what surrounds them.

    `level` is the irregular distance from the nearest centre over its outer radius, and
    `towards_limb` the horizontal field along +x in gauss.
    """

    level: np.ndarray
    outside: np.ndarray
    continuum: np.ndarray
    vertical: np.ndarray
    towards_limb: np.ndarray


def sigmoid(x):
    """Smooth step from 0 to 1."""
    return 0.5 + 0.5 * np.tanh(x)


def levels(rng, shape, pixel, centres, radii, rough):
    """Irregular distance from the nearest centre in units of its radius, and which centre that is."""
    extent = np.array(shape) * pixel
    y, x = positions(rng, shape, pixel, ((0.5, 0.15), (float(np.mean(radii)) / 3, rough * float(np.mean(radii)))))
    best, index = np.full(shape, np.inf, dtype=np.float32), np.zeros(shape, dtype=int)
    for i, ((cy, cx), radius) in enumerate(zip(centres, radii, strict=True)):
        dy, dx = ((d + e / 2) % e - e / 2 for d, e in ((y - cy, extent[0]), (x - cx, extent[1])))
        level = np.hypot(dy, dx) / radius
        index = np.where(level < best, i, index)
        best = np.minimum(best, level)
    return best, index


def dots(rng, shape, pixel, density, size):
    """Gaussian dots of standard deviation `size` and random heights up to 1, `density` per square arcsec."""
    area = float(np.prod(pixel))
    impulses = (rng.random(shape, dtype=np.float32) < density * area) * rng.random(shape, dtype=np.float32)
    return lowpass(impulses, pixel, size) * (2 * np.pi * size**2 / area)


def draw_pores(rng, shape, pixel):
    """Several pores, 2 to 5 arcsec across, 1.5 to 2.5 kG and 0.25 to 0.6 of the quiet Sun (Sobotka 2003)."""
    extent = np.array(shape) * pixel
    number = max(2, int(rng.integers(5, 10) * np.prod(extent) / 67.8**2))
    centres = np.mod(extent / 2 + rng.standard_normal((number, 2)) * extent / 5, extent)
    radii = rng.uniform(1.0, 2.5, number) * min(1, extent.min() / 20)
    level, index = levels(rng, shape, pixel, centres, radii, 0.35)
    radius = radii[index]
    level = level + 0.12 * noise(rng, shape, pixel, 0.25) / radius
    peak = rng.uniform(1700, 2500, number)[index]
    outside = sigmoid((level - 1) * radius / 0.18)
    dark = np.interp(radius, [1.0, 2.5], [0.5, 0.2])
    texture = 1 + 0.12 * noise(rng, shape, pixel, 0.25)
    continuum = (dark + 0.35 * np.clip(level, 0, 1.2) ** 3) * texture + 0.15 * dots(rng, shape, pixel, 0.5, 0.16)
    sign = np.where(rng.random(number) < 0.75, 1, -1)[index] * rng.choice([-1, 1])
    vertical = sign * peak * (1 - 0.45 * np.clip(level, 0, 1.2) ** 2) * (0.97 + 0.03 * texture)
    return Dark(level, outside, continuum, vertical, np.zeros(shape, dtype=np.float32))


def horizontal(vertical, pixel, twist):
    """Return the unit vector ``(y, x)`` of the horizontal potential field of `vertical`, turned by `twist` (rad)."""
    qy, qx = frequency(vertical.shape, pixel)
    spectrum = fft.rfft2(vertical.astype(np.float32)) / np.maximum(np.hypot(qy, qx), 1e-6)
    by, bx = (fft.irfft2(-1j * q * spectrum, s=vertical.shape) for q in (qy, qx))
    size = np.maximum(np.hypot(by, bx), 1e-6)
    by, bx = by / size, bx / size
    return by * np.cos(twist) + bx * np.sin(twist), bx * np.cos(twist) - by * np.sin(twist)


def filaments(rng, direction, pixel, width=0.06, doublings=5):
    """Noise smeared along field lines (a line integral convolution), of unit variance.

    Each doubling follows the lines twice as far as the one before: five reach 32 pixels, so
    that filaments are about 2 arcsec long in one piece and 0.2 to 0.4 arcsec wide, in bundles.
    """
    shape = direction[0].shape
    image = noise(rng, shape, pixel, width) + 0.65 * noise(rng, shape, pixel, 3.5 * width)
    step = min(pixel)
    move = [(d * step / p).astype(np.float32) for d, p in zip(direction, pixel, strict=True)]
    grid = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in shape), indexing="ij")
    for _ in range(doublings):
        ends = [g + m for g, m in zip(grid, move, strict=True)]
        follow = [ndimage.map_coordinates(a, ends, order=1, mode="grid-wrap") for a in (image, *move)]
        image = image + follow[0]
        move = [m + f for m, f in zip(move, follow[1:], strict=True)]
    image -= image.mean()
    return np.clip(image / image.std(), -2.2, 2.5)


def draw_spots(rng, shape, pixel):
    """One or two sunspots with umbral dots, light bridges and filamentary penumbra.

    Field strength and inclination against the distance from the centre follow Solanki (2003,
    A&ARv 11, 153): 2.2 to 3.3 kG upright in the centre, about 0.8 kG and nearly horizontal at
    the outer edge; bright filaments are more inclined, so that some dip back at their ends.
    """
    extent = np.array(shape) * pixel
    limit = extent.min() / 3.4
    number = int(rng.integers(1, 3))
    radii = np.minimum(rng.uniform(9, 20, number), limit / (1 if number == 1 else 1.4))
    angle = rng.uniform(0, 2 * np.pi)
    apart = np.array([np.sin(angle), np.cos(angle)]) * radii.sum() * rng.uniform(0.5, 0.8)
    centres = extent / 2 + (np.array([[0, 0]]) if number == 1 else np.array([-apart / 2, apart / 2]))
    signs = rng.choice([-1, 1]) * np.array([1, rng.choice([-1, -1, 1])])[:number]
    level, index = levels(rng, shape, pixel, centres, radii, 0.13)
    radius, sign = radii[index], signs[index]

    twist = 0.15 * rng.standard_normal() + 0.2 * noise(rng, shape, pixel, 2.5) + 0.08 * noise(rng, shape, pixel, 0.5)
    direction = horizontal(lowpass(sign * np.exp(-((level / 0.5) ** 2)), pixel, 0.6), pixel, twist)
    thread = filaments(rng, direction, pixel)
    lobes = level * np.exp(0.16 * noise(rng, shape, pixel, radii.mean() / 7))
    umbra = sigmoid((UMBRA - lobes - 0.55 * thread / radius) * radius / 0.22)
    fringe = level * np.exp(0.10 * noise(rng, shape, pixel, radii.mean() / 4))
    outside = sigmoid((fringe + 0.45 * np.clip(thread, -1, 2) / radius - 1) * radius / 0.25)

    core = rng.uniform(0.05, 0.17, number)[index]
    mottled = np.exp(0.35 * noise(rng, shape, pixel, 0.5))
    spark = dots(rng, shape, pixel, 2.5, 0.15)
    bridge = light_bridge(rng, shape, pixel, radii.mean()) if rng.random() < 0.5 else 0.0
    dark = core * mottled + 0.12 * np.clip(level / UMBRA, 0, 1.5) ** 3 + 0.22 * spark
    dark = dark + bridge * (0.6 + 0.08 * noise(rng, shape, pixel, 0.15) - dark)
    penumbra = 0.70 + 0.12 * np.clip((level - UMBRA) / (1 - UMBRA), 0, 1)
    penumbra = (
        penumbra
        + 0.13 * thread * (1 + 0.25 * noise(rng, shape, pixel, 0.15))
        + 0.12 * dots(rng, shape, pixel, 1.5, 0.11)
    )
    continuum = umbra * dark + (1 - umbra) * penumbra

    strength = rng.uniform(2200, 3200, number)[index] / (1 + 2.2 * level**2)
    strength = strength * (1 - umbra * np.clip(0.12 * spark + 0.4 * bridge, 0, 0.6))
    inclination = np.radians(79 * np.clip(level, 0, 1.15) ** 0.8 + 16 * thread * (1 - umbra))
    vertical = lowpass(sign, pixel, 0.15) * strength * np.cos(inclination)
    return Dark(level, outside, continuum, vertical, strength * np.abs(np.sin(inclination)) * direction[1])


def light_bridge(rng, shape, pixel, radius):
    """Weight of a bridge about 0.6 arcsec wide along the zero line of a smooth random field."""
    smooth = noise(rng, shape, pixel, radius / 3.5)
    slope = np.hypot(*np.gradient(smooth, *pixel))
    return np.exp(-((smooth / np.maximum(slope, 1e-3) / 0.4) ** 2))


LAYERS = {"pores": (draw_pores,), "spot": (draw_pores, draw_spots)}
