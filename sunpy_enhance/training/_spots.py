"""Pores and sunspots of the synthetic Sun."""

import dataclasses

import numpy as np
from scipy import fft, ndimage

from ._granulation import frequency, lowpass, noise, positions, sigmoid

# Radius of the umbra over that of the spot.
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
