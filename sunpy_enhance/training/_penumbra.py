"""Penumbral filaments of the synthetic Sun, one by one."""

import dataclasses

import numpy as np
from scipy import fft

from ._granulation import frequency, lowpass

__all__ = ["Filaments", "draw_filaments", "horizontal"]

# Filaments per square arcsec: they cover most of the penumbra and leave the spines between them.
DENSITY = 1.3
# Length and width of filaments in arcsec: 5 Mm and 0.8 Mm for whole convective cells seen by Hinode (Tiwari et al.
# 2013, A&A 557, A25), 2 to 5 arcsec and 0.2 to 0.5 arcsec for what SST resolves of them (Scharmer et al. 2002,
# Nature 420, 151; Rouppe van der Voort et al. 2004, A&A 427, 319).
LENGTH, WIDTH = 4.0, 0.36
SAMPLES = 9  # across a filament


@dataclasses.dataclass
class Filaments:
    """What the uppermost filament is like in each pixel; zeros where there is none.

    `cover` (0 to 1) is whether there is one, `along` runs from 0 at its head to 1 at its tail, `across` from 0 on
    its axis to 1 at its edge, `head` is 1 where it begins, and `tone` is its brightness among others (mean 0).
    """

    cover: np.ndarray
    along: np.ndarray
    across: np.ndarray
    head: np.ndarray
    tone: np.ndarray

    @property
    def brightness(self):
        """Intensity against the quiet Sun: bright heads, dark cores, fading tails (Tiwari et al. 2013)."""
        core = np.exp(-((self.across / 0.4) ** 2)) * np.clip(1.2 - self.along, 0, 1) * (1 - self.head)
        return 0.89 + 0.08 * self.tone + 0.18 * self.head - 0.17 * core - 0.13 * self.along

    @property
    def inclination(self):
        """Degrees from the vertical: rising at the head, level, diving at the tail (Tiwari et al. 2013, Fig. 6)."""
        return np.interp(self.along, [0, 0.15, 0.4, 0.75, 1], [45, 65, 80, 88, 112]).astype(np.float32)


def horizontal(vertical, pixel, twist):
    """Return the unit vector ``(y, x)`` of the horizontal potential field of `vertical`, turned by `twist` (rad)."""
    qy, qx = frequency(vertical.shape, pixel)
    spectrum = fft.rfft2(vertical.astype(np.float32)) / np.maximum(np.hypot(qy, qx), 1e-6)
    by, bx = (fft.irfft2(-1j * q * spectrum, s=vertical.shape) for q in (qy, qx))
    size = np.maximum(np.hypot(by, bx), 1e-6)
    by, bx = by / size, bx / size
    return by * np.cos(twist) + bx * np.sin(twist), bx * np.cos(twist) - by * np.sin(twist)


def draw_filaments(rng, direction, sign, where, pixel):
    """Draw filaments from their heads along the field, each over those before it.

    Parameters
    ----------
    direction : pair of array
        Unit vector ``(y, x)`` of the horizontal field.
    sign : array
        Polarity of the spot: heads follow the field of a positive one, and go against it in a negative one.
    where : array of float, shape (y, x)
        Density of the heads, 0 to 1.
    pixel : array
        Size ``(y, x)`` in arcsec.

    Returns
    -------
    Filaments
    """
    shape = where.shape
    heads = np.argwhere(rng.random(shape, dtype=np.float32) < where * DENSITY * np.prod(pixel))
    rng.shuffle(heads)
    number = len(heads)
    step = 0.7 * min(pixel)
    length = np.clip(LENGTH * np.exp(0.35 * rng.standard_normal(number)), 1.5, 8.0)
    half = 0.5 * WIDTH * np.exp(0.25 * rng.standard_normal(number))
    tone = rng.standard_normal(number)
    # Filaments begin rounded and end pointed: the width in units of the largest.
    fractions, outline = [0, 0.03, 0.1, 0.5, 1], [0.5, 0.9, 1, 0.85, 0.25]
    outward = [(d * sign).astype(np.float32) for d in direction]
    # A filament keeps to the polarity that it began in, so that it may cross to another spot.
    polarity = sign[tuple(heads.T)]

    position = heads.astype(float)
    samples = np.linspace(-1, 1, SAMPLES)
    values = {name: [] for name in ("index", "along", "head", "tone", "across")}
    for i in range(int(np.ceil(length.max() / step)) if number else 0):
        along = i * step / length
        here = tuple(np.round(position).astype(int).T % np.array(shape)[:, None])
        flip = polarity * sign[here]
        dy, dx = (o[here] * flip for o in outward)
        aside = (half * np.interp(along, fractions, outline))[:, None] * samples
        y = np.round(position[:, :1] + aside * -dx[:, None] / pixel[0]).astype(int) % shape[0]
        x = np.round(position[:, 1:] + aside * dy[:, None] / pixel[1]).astype(int) % shape[1]
        index = y * shape[1] + x
        index[along > 1] = -1
        values["index"].append(index)
        values["along"].append(np.broadcast_to(along[:, None], index.shape))
        values["head"].append(np.broadcast_to(np.exp(-((i * step / 0.45) ** 2)), index.shape))
        values["tone"].append(np.broadcast_to(tone[:, None], index.shape))
        values["across"].append(np.broadcast_to(np.abs(samples), index.shape))
        position += np.stack([dy / pixel[0], dx / pixel[1]], axis=1) * step
    return Filaments(**painted(values, shape, pixel))


def painted(values, shape, pixel):
    """Set the pixels filament by filament, the last one on top, and soften their edges."""
    images = {name: np.zeros(shape, dtype=np.float32) for name in ("cover", "along", "across", "head", "tone")}
    if values["index"]:
        # (step, filament, across) -> (filament, step, across), so that a filament is not torn by others
        flat = {name: np.stack(parts, axis=1).ravel() for name, parts in values.items()}
        drawn = flat["index"] >= 0
        index = flat["index"][drawn]
        for name, image in images.items():
            image.ravel()[index] = 1 if name == "cover" else flat[name][drawn]
    return {name: np.clip(lowpass(image, pixel, 0.035), -3, 3) for name, image in images.items()}
