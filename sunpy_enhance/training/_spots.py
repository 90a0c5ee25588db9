"""Pores and sunspots of the synthetic Sun."""

import dataclasses

import numpy as np

from ._granulation import lowpass, noise, positions, sigmoid
from ._penumbra import draw_filaments, horizontal, threads

__all__ = ["Dark", "draw_pores", "draw_spots"]

# Radius of the umbra over that of the spot: 0.4 to 0.45, or a sixth to a fifth of its area (Solanki 2003,
# A&ARv 11, 153, Sect. 2.2).
UMBRA = 0.42


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


def draw_pores(rng, shape, pixel, kind):  # noqa: ARG001 (one signature for all layers)
    """Several pores, 2 to 5 arcsec across, 1.5 to 2.5 kG and 0.25 to 0.6 of the quiet Sun.

    Sizes and intensities: Sobotka (2003, Astron. Nachr. 324, 369); fields: Sütterlin (1998, A&A 333, 305).
    """
    extent = np.array(shape) * pixel
    number = max(2, int(rng.integers(5, 10) * np.prod(extent) / 67.8**2))
    centres = np.mod(extent / 2 + rng.standard_normal((number, 2)) * extent / 5, extent)
    radii = rng.uniform(1.0, 2.5, number) * min(1, extent.min() / 20)
    level, index = levels(rng, shape, pixel, centres, radii, 0.35)
    radius = radii[index]
    level = level + 0.12 * noise(rng, shape, pixel, 0.25) / radius
    peak = rng.uniform(1700, 2400, number)[index]
    outside = sigmoid((level - 1) * radius / 0.18)
    dark = np.interp(radius, [1.0, 2.5], [0.5, 0.2])
    texture = 1 + 0.12 * noise(rng, shape, pixel, 0.25)
    continuum = (dark + 0.35 * np.clip(level, 0, 1.2) ** 3) * texture + 0.15 * dots(rng, shape, pixel, 0.5, 0.16)
    sign = np.where(rng.random(number) < 0.75, 1, -1)[index] * rng.choice([-1, 1])
    vertical = sign * peak * (1 - 0.45 * np.clip(level, 0, 1.2) ** 2) * (0.97 + 0.03 * texture)
    return Dark(level, outside, continuum, vertical, np.zeros(shape, dtype=np.float32))


def layout(rng, extent, kind):
    """Centres (arcsec), radii (arcsec) and signs of the spots.

    A bipole has its two spots apart, the following one smaller; a delta spot has two opposite umbrae within one
    penumbra (Künzel 1960, Astron. Nachr. 285, 271).
    """
    number = {"spot": int(rng.integers(1, 3)), "bipole": 2, "delta": 2}[kind]
    apart = {"spot": (0.5, 0.8), "bipole": (1.0, 1.3), "delta": (0.45, 0.7)}[kind]
    limit = extent.min() / (3.4 if number == 1 else 5.6 if kind == "bipole" else 4.8)
    radii = np.minimum(rng.uniform(9, 20, number), limit * rng.uniform(0.7, 1, number))
    angle = rng.uniform(0, 2 * np.pi)
    offset = np.array([np.sin(angle), np.cos(angle)]) * radii.sum() * rng.uniform(*apart) / 2
    centres = extent / 2 + (np.zeros((1, 2)) if number == 1 else np.array([-offset, offset]))
    other = -1 if kind != "spot" else rng.choice([-1, 1, 1])
    return centres, radii, rng.choice([-1, 1]) * np.array([1, other])[:number]


def draw_spots(rng, shape, pixel, kind):
    """Sunspots with umbral dots, light bridges and a penumbra of filaments between spines.

    The field is 2.1 to 3.1 kG and upright in the centre, its vertical part about 1.8 kG at the umbra's border
    (Jurčák et al. 2018, A&A 611, L4), 1 kG and nearly horizontal at the outer edge (Solanki 2003, Sect. 3). Large
    umbrae are darker (Mathew et al. 2007, A&A 465, 291), and the darker the stronger (Martínez Pillet & Vázquez
    1993, A&A 270, 494). The penumbra is uncombed (Solanki & Montavon 1993, A&A 275, 283): more vertical and
    stronger in the dark spines, nearly horizontal and weaker in bright filaments, which dip back at their tails.
    """
    centres, radii, signs = layout(rng, np.array(shape) * pixel, kind)
    level, index = levels(rng, shape, pixel, centres, radii, 0.13)
    radius, sign = radii[index], signs[index].astype(np.float32)

    lobes = level * np.exp(0.16 * noise(rng, shape, pixel, radii.mean() / 7))
    fringe = level * np.exp(0.10 * noise(rng, shape, pixel, radii.mean() / 4))
    twist = 0.15 * rng.standard_normal() + 0.2 * noise(rng, shape, pixel, 2.5) + 0.08 * noise(rng, shape, pixel, 0.5)
    direction = horizontal(lowpass(sign * np.exp(-((level / 0.5) ** 2)), pixel, 0.6), pixel, twist)
    thread = threads(rng, direction, pixel)
    heads = sigmoid((lobes - UMBRA + 0.02) * radius / 0.3) * sigmoid((1 - 1.5 / radius - fringe) * radius / 0.5)
    filaments = draw_filaments(rng, direction, sign, heads, pixel)

    umbra = sigmoid((UMBRA - lobes - 0.55 * thread / radius) * radius / 0.22)
    outside = sigmoid((fringe + 0.45 * np.clip(thread, -1, 2) / radius - 1) * radius / 0.25)

    mottle = noise(rng, shape, pixel, 0.6) + 0.6 * noise(rng, shape, pixel, 1.8)
    spark = dots(rng, shape, pixel, 2.5, 0.14) * np.clip(0.5 + 0.7 * level / UMBRA, 0, 1.2)
    bridge = light_bridge(rng, shape, pixel, radii.mean()) if rng.random() < 0.5 else np.zeros(shape, dtype=np.float32)
    core = np.clip(0.26 - 0.012 * (radii - 6) + 0.03 * rng.standard_normal(len(radii)), 0.07, 0.28)
    edge = np.clip(level / UMBRA, 0, 1.5)
    dark = core[index] * np.exp(0.25 * mottle) + 0.12 * edge**3 + 0.24 * spark
    grains = 0.72 + 0.14 * noise(rng, shape, pixel, 0.22) - 0.25 * light_lane(bridge)
    dark = dark + bridge * (grains - dark)
    penumbra = 0.70 + 0.12 * np.clip((level - UMBRA) / (1 - UMBRA), 0, 1)
    penumbra = penumbra + 0.11 * thread * (1 + 0.25 * noise(rng, shape, pixel, 0.15)) + filaments.brightness
    continuum = np.maximum(umbra * dark + (1 - umbra) * penumbra, 0.02)

    central = np.interp(core, [0.07, 0.28], [3000, 2150]) + 100 * rng.standard_normal(len(core))
    strength = central[index] / (1 + 1.9 * level**2) * (1 - 0.04 * mottle * umbra - 0.06 * thread * (1 - umbra))
    strength = strength * (1 - umbra * np.clip(0.2 * spark + bridge * (0.3 + 0.12 * mottle), 0, 0.6))
    inclination = 78 * np.clip(level, 0, 1.15) ** 0.85 + (1 - umbra) * (15 * thread + filaments.inclination)
    inclination = np.radians(inclination + 15 * bridge * umbra)
    vertical = lowpass(sign, pixel, 0.35) * strength * np.cos(inclination)
    return Dark(level, outside, continuum, vertical, strength * np.abs(np.sin(inclination)) * direction[1])


def light_bridge(rng, shape, pixel, radius):
    """Weight of a bridge about 1 arcsec wide along the zero line of a smooth random field.

    Bridges are granular, with a dark lane along their axis; their field is weaker and more inclined than the
    umbra's (Leka 1997, ApJ 484, 900; Berger & Berdyugina 2003, ApJ 589, L117).
    """
    smooth = noise(rng, shape, pixel, radius / 3.5)
    slope = np.hypot(*np.gradient(smooth, *pixel))
    half_width = rng.uniform(0.25, 0.55) * np.exp(0.35 * noise(rng, shape, pixel, 0.4))
    return np.exp(-((smooth / np.maximum(slope, 1e-3) / half_width) ** 4))


def light_lane(bridge):
    """Weight of the dark lane on the axis of a light bridge."""
    return np.clip((bridge - 0.985) / 0.015, 0, 1)
