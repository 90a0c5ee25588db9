"""Procedural solar granulation: what `sunpy_enhance.training.synthetic` builds its scenes on.

All images are periodic. Lengths are in arcsec at the distance of the Earth (1 arcsec = 725 km),
and `pixel` is the size of a pixel ``(y, x)`` in arcsec of the solar surface.
"""

import numpy as np
from scipy import fft
from scipy.spatial import cKDTree

__all__ = ["frequency", "granulation", "lowpass", "noise", "positions", "scatter", "voronoi"]

BLOCK = 4  # pixels along the side of a block that shares its candidate seeds
NEIGHBOURS = 9  # candidates of a block

# Amplitude gain against spatial frequency (cycles/arcsec), measured once: square root of the
# observed over the unshaped power of four quiet scenes of 1024x1024 pixels at 48 km. Observed:
# HMI's continuum of the quiet Sun below 0.8 cycles/arcsec, compared after degradation with its
# PSF; above, a restored quiet-Sun image of SST/CRISP (2019-08-01) with its fluctuations scaled
# by 3.1 to the contrast of radiative MHD.
GAIN_Q = (0.05, 0.15, 0.25, 0.35, 0.45, 0.65, 0.75, 0.85, 1.05, 1.55, 2.15, 2.55)
GAIN = (0.60, 0.71, 0.79, 1.09, 1.01, 1.04, 0.99, 0.96, 1.05, 1.06, 1.12, 1.12)


def frequency(shape, pixel):
    """Spatial frequencies in cycles/arcsec ``(qy, qx)`` of the half plane of a real transform."""
    qy = fft.fftfreq(shape[0], pixel[0]).astype(np.float32)[:, None]
    qx = fft.rfftfreq(shape[1], pixel[1]).astype(np.float32)[None, :]
    return qy, qx


def lowpass(image, pixel, size):
    """Convolve periodically with a Gaussian of standard deviation `size` in arcsec."""
    qy, qx = frequency(image.shape, pixel)
    gauss = np.exp(-2 * (np.pi * size * qy) ** 2) * np.exp(-2 * (np.pi * size * qx) ** 2)
    return fft.irfft2(fft.rfft2(image.astype(np.float32)) * gauss, s=image.shape)


def noise(rng, shape, pixel, size):
    """Gaussian random field of zero mean and unit variance, smoothed by `size` (see `lowpass`)."""
    field = lowpass(rng.standard_normal(shape, dtype=np.float32), pixel, size)
    field -= field.mean()
    return field / max(field.std(), 1e-12)


def scatter(rng, extent, spacing, relax=4):
    """Random points, `spacing` apart on average, that keep some distance: a relaxed Poisson process."""
    number = max(round(extent[0] * extent[1] / spacing**2), 3)
    points = rng.uniform(size=(number, 2)) * extent
    for _ in range(relax):
        tree = cKDTree(points, boxsize=extent)
        distance, index = tree.query(points, k=2)
        away = points - points[index[:, 1]]
        away -= extent * np.round(away / extent)
        push = np.clip(0.8 * spacing - distance[:, 1:], 0, None) * 0.4
        points = np.mod(points + away / np.maximum(distance[:, 1:], 1e-6) * push, extent)
    return points


def voronoi(points, weights, coordinates, extent):
    """Periodic, additively weighted Voronoi tessellation.

    The candidates of each block of pixels are searched once, at its centre.

    Parameters
    ----------
    points : array, shape (n, 2)
        Seeds ``(y, x)`` in arcsec.
    weights : array, shape (n,)
        Radius in arcsec by which each cell is ahead of the others.
    coordinates : tuple of array
        Position ``(y, x)`` of each pixel in arcsec; warp them for curved borders.
    extent : array, shape (2,)
        Period in arcsec.

    Returns
    -------
    cell : array of int
        Index of the seed that owns the pixel.
    first, second, third : array
        The three smallest weighted distances, in arcsec.
    """
    shape = coordinates[0].shape
    pad = [(0, -n % BLOCK) for n in shape]
    y, x = (np.pad(c, pad, mode="edge").astype(np.float32) for c in coordinates)
    middle = (slice(BLOCK // 2, None, BLOCK),) * 2
    centre = np.stack([y[middle], x[middle]], axis=-1)
    k = min(NEIGHBOURS, len(points))
    extent = np.asarray(extent, dtype=float)
    wrapped = np.minimum(np.mod(centre.astype(float), extent), np.nextafter(extent, 0))
    _, near = cKDTree(points, boxsize=extent).query(wrapped, k=k)
    first, second, third = (np.full(y.shape, np.inf, dtype=np.float32) for _ in range(3))
    cell = np.zeros(y.shape, dtype=np.int32)
    blocks = (centre.shape[0], BLOCK, centre.shape[1], BLOCK)
    for i in range(k):
        offset = points[near[..., i]] - centre
        offset -= extent * np.round(offset / extent)
        seed = (offset + centre).astype(np.float32)[:, None, :, None, :]
        dy = y.reshape(blocks) - seed[..., 0]
        dx = x.reshape(blocks) - seed[..., 1]
        weight = weights[near[..., i]].astype(np.float32)[:, None, :, None]
        distance = (np.sqrt(dy * dy + dx * dx) - weight).reshape(y.shape)
        cell = np.where(distance < first, np.repeat(np.repeat(near[..., i], BLOCK, 0), BLOCK, 1), cell)
        first, distance = np.minimum(first, distance), np.maximum(first, distance)
        second, distance = np.minimum(second, distance), np.maximum(second, distance)
        third = np.minimum(third, distance)
    return tuple(a[: shape[0], : shape[1]] for a in (cell, first, second, third))


def positions(rng, shape, pixel, warps):
    """Position ``(y, x)`` in arcsec of each pixel, displaced by noise: `warps` has (size, amplitude) pairs."""
    grid = np.meshgrid(*(np.arange(n, dtype=np.float32) * p for n, p in zip(shape, pixel, strict=True)), indexing="ij")
    return tuple(c + sum(a * noise(rng, shape, pixel, s) for s, a in warps) for c in grid)


def granulation(rng, shape, pixel):
    """Continuum of the non-magnetic Sun, and the distance of each pixel from the nearest lane.

    Cells are 1 to 2 arcsec across with a broad distribution (Hirzberger et al. 1997, ApJ 480,
    406); they are bright with a brighter rim, have fragments, and the largest explode, with dark
    centres and spokes (Namba & van Rijsbergen 1977, Lecture Notes in Physics 71, 119; Hirzberger et al. 1999, ApJ
    527, 405). The contrast at 48 km is the 14 to 15 % of radiative MHD in the
    red (Danilovic et al. 2008, A&A 484, L17); the spectrum is shaped with `GAIN`.

    Returns
    -------
    fluctuation : array
        Intensity relative to its mean, minus one.
    lane : array
        Distance from the middle of the nearest intergranular lane, in arcsec.
    """
    extent = np.array(shape) * pixel
    where = positions(rng, shape, pixel, ((0.55, 0.16), (0.18, 0.035)))
    points = scatter(rng, extent, 1.6, relax=6)
    number = len(points)
    weights = 0.22 * np.clip(rng.standard_normal(number), -2, 2)
    cell, first, second, third = voronoi(points, weights, where, extent)
    lane = (second - first) / 2
    width = 0.17 * np.exp(0.4 * noise(rng, shape, pixel, 0.5))
    depth = 1 + 0.25 * noise(rng, shape, pixel, 0.3)
    rise = 1 - depth * np.exp(-((lane / width) ** 1.5))
    node = np.exp(-(((third - first) / 0.55) ** 2))

    parts = scatter(rng, extent, 0.85, relax=2)
    part, first_part, second_part, _ = voronoi(parts, 0.1 * rng.standard_normal(len(parts)), where, extent)
    crack = np.exp(-(((second_part - first_part) / 0.22) ** 2))
    bright = 0.055 * rng.standard_normal(number)[cell]
    fragment = 0.05 * rng.standard_normal(len(parts))[part] * (1 - crack)
    radius = first + weights[cell]
    # the largest granules explode: a dark hole in the middle, and dark spokes between the fragments
    exploding = np.clip(weights / 0.22 + 0.6 * rng.standard_normal(number) - 0.8, 0, 1.5)[cell]
    hollow = exploding * (np.exp(-((radius / 0.5) ** 2)) + 0.35 * crack) * rise
    rim = np.exp(-(((lane - 0.38) / 0.16) ** 2))
    texture = noise(rng, shape, pixel, 0.12) * 0.03 + noise(rng, shape, pixel, 0.25) * 0.04
    image = rise * (0.36 + bright + fragment - 0.06 * crack - 0.16 * hollow + 0.05 * rim) - 0.09 * node
    image = image - 0.20 * np.clip(lane - 0.3, 0, 0.6) * rise
    image = image + texture * (0.4 + 0.6 * rise)
    image = image - image.mean()
    return shape_spectrum(image + 0.35 * image**2, pixel), lane


def shape_spectrum(image, pixel):
    """Multiply the spectrum by the radial `GAIN` and remove the mean."""
    qy, qx = frequency(image.shape, pixel)
    spectrum = fft.rfft2(image.astype(np.float32)) * np.interp(np.hypot(qy, qx), GAIN_Q, GAIN).astype(np.float32)
    spectrum[0, 0] = 0
    return fft.irfft2(spectrum, s=image.shape)


def sigmoid(x):
    """Smooth step from 0 to 1."""
    return 0.5 + 0.5 * np.tanh(x)
