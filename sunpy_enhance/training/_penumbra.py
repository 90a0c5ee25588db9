"""Penumbral filaments of the synthetic Sun: fine threads everywhere, and single filaments among them."""

import dataclasses

import numpy as np
from scipy import fft, ndimage

from ._granulation import frequency, lowpass, noise

__all__ = ["Filaments", "draw_filaments", "horizontal", "threads"]

# Filaments per square arcsec: they cover half of the penumbra (heads are spread all over it, densest inside).
DENSITY = 0.9
# Length and width of filaments in arcsec: 5 Mm and 0.8 Mm for whole convective cells seen by Hinode (Tiwari et al.
# 2013, A&A 557, A25), 2 to 5 arcsec and 0.2 to 0.5 arcsec for what SST resolves of them (Scharmer et al. 2002,
# Nature 420, 151; Rouppe van der Voort et al. 2004, A&A 414, 717).
LENGTH, WIDTH = 3.2, 0.30
SAMPLES = 9  # across a filament


@dataclasses.dataclass
class Filaments:
    """What the uppermost filament is like in each pixel; zeros where there is none.

    `cover` (0 to 1) is how far it stands out, `along` runs from 0 at its head to 1 at its tail, `across` from 0 on
    its axis to 1 at its edge, `head` is 1 where it begins, and `tone` is its brightness among others (mean 0).
    """

    cover: np.ndarray
    along: np.ndarray
    across: np.ndarray
    head: np.ndarray
    tone: np.ndarray

    @property
    def brightness(self):
        """Intensity added to the threads: bright heads, dark cores between brighter edges (Tiwari et al. 2013)."""
        core = np.exp(-((self.across / 0.45) ** 2)) * (1 - self.along) * (1 - self.head)
        return self.cover * (0.05 * self.tone + 0.22 * self.head + 0.06 - 0.20 * core - 0.06 * self.along)

    @property
    def inclination(self):
        """Degrees added: upright at the head, flat in the middle, diving at the tail (Tiwari et al. 2013, Fig. 6)."""
        return self.cover * np.interp(self.along, [0, 0.15, 0.5, 1], [-8, 4, 10, 22]).astype(np.float32)


def horizontal(vertical, pixel, twist):
    """Return the unit vector ``(y, x)`` of the horizontal potential field of `vertical`, turned by `twist` (rad)."""
    qy, qx = frequency(vertical.shape, pixel)
    spectrum = fft.rfft2(vertical.astype(np.float32)) / np.maximum(np.hypot(qy, qx), 1e-6)
    by, bx = (fft.irfft2(-1j * q * spectrum, s=vertical.shape) for q in (qy, qx))
    size = np.maximum(np.hypot(by, bx), 1e-6)
    by, bx = by / size, bx / size
    return by * np.cos(twist) + bx * np.sin(twist), bx * np.cos(twist) - by * np.sin(twist)


def threads(rng, direction, pixel, width=0.06, doublings=5):
    """Noise smeared along field lines (a line integral convolution), of unit variance.

    Each doubling follows the lines twice as far as the one before: five reach 32 pixels, so
    that threads are about 2 arcsec long in one piece and 0.2 to 0.4 arcsec wide, in bundles.
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
    length = np.clip(LENGTH * np.exp(0.35 * rng.standard_normal(number)), 1.2, 6.0)
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
            image.ravel()[index] = (1 - flat["across"] ** 4)[drawn] if name == "cover" else flat[name][drawn]
    return {name: np.clip(lowpass(image, pixel, 0.05), -3, 3) for name, image in images.items()}
