"""A truth into pairs of patches: what HMI sees of it, and what a 28 cm telescope sees of it."""

import dataclasses

import numpy as np
from scipy import ndimage

from sunpy_enhance.optics import degrade

__all__ = ["Patches", "check_sampling", "coarsest_sampling", "sample_patches"]


@dataclasses.dataclass
class Patches:
    """Pairs of patches.

    Attributes
    ----------
    inputs : `numpy.ndarray`
        (n, y + 2 halo, x + 2 halo) float32, without noise.
    targets : `numpy.ndarray`
        (n, 2y, 2x) float32; the centre of target pixels 2i and 2i + 1 is that of input pixel halo + i.
    sources : list of str
        What each is from.
    """

    inputs: np.ndarray
    targets: np.ndarray
    sources: list

    def __len__(self):
        return len(self.inputs)

    @property
    def halo(self):
        """Input pixels on each side of those that are restored."""
        return (self.inputs.shape[1] - self.targets.shape[1] // 2) // 2

    def select(self, indices):
        """Return some of them, by their indices or by one truth value for each."""
        sources = np.array(self.sources, dtype=object)[indices].tolist()
        return type(self)(self.inputs[indices], self.targets[indices], sources)

    @classmethod
    def join(cls, parts):
        """Put several together."""
        return cls(
            np.concatenate([part.inputs for part in parts]),
            np.concatenate([part.targets for part in parts]),
            [source for part in parts for source in part.sources],
        )


def sample_patches(
    truth,
    number,
    *,
    psf,
    target,
    plate_scale,
    size,
    halo,
    rng,
    zoom=(1.0, 1.0),
    gain=(1.0, 1.0),
    blur=(1.0, 1.0),
    turn=True,
):
    """Degrade a truth and cut patches from it at random places, angles and sub-pixel phases.

    Where the point spread functions are round, turning the sampling grid turns the Sun; and changing the plate scale
    of the truth makes its structures larger or smaller.

    Parameters
    ----------
    truth : `sunpy_enhance.training.truth.Truth`
    number : int
        How many patches.
    psf, target : PSF
        See `sunpy_enhance.optics`.
    plate_scale : float
        Of the input patches, arcsec per pixel; that of the targets is half of it.
    size, halo : int
        Input pixels of a patch that are restored, and those around them on each side.
    rng : `numpy.random.Generator`
    zoom, gain : (float, float)
        Ranges of a random factor on the size of the structures, and on the fluctuations about the mean (for a field,
        on the values themselves).
    blur : (float, float)
        Range of a random factor on the width of `psf`, for a network that does not rely on one exactly. It changes
        neither the places nor anything else that is drawn.
    turn : bool
        Whether to turn the grid by a random angle: for round point spread functions only.

    Returns
    -------
    `Patches`

    Raises
    ------
    ValueError
        Where the truth is sampled too coarsely for the target, or so small that patches would be mirror images for
        the most part.
    """
    scale = truth.plate_scale * rng.uniform(*zoom)
    check_sampling(truth, target, plate_scale, size)
    factor = rng.uniform(*gain)
    mean = 0.0 if truth.unit == "G" or truth.image.min() < 0 else truth.image.mean()
    image = mean + factor * (truth.image - mean)
    width = np.random.Generator(rng.bit_generator.jumped()).uniform(*blur)
    mode = "grid-wrap" if truth.periodic else "reflect"
    # The transfer functions end below the truth's Nyquist frequency, so that splines interpolate almost exactly.
    blurred, sharp = (
        ndimage.spline_filter(degrade(image, p, s, periodic=truth.periodic), output=np.float32, mode=mode)
        for p, s in ((psf, scale / width), (target, scale))
    )
    inputs = np.empty((number, size + 2 * halo, size + 2 * halo), np.float32)
    targets = np.empty((number, 2 * size, 2 * size), np.float32)
    coarse = (np.arange(size + 2 * halo) - (size + 2 * halo - 1) / 2) * plate_scale / scale
    fine = (np.arange(2 * size) - (2 * size - 1) / 2) * plate_scale / 2 / scale
    # Beyond its border a truth that is not periodic is its own mirror image. Patches stay inside where it is wide
    # enough for them; where not, what they have of the mirror image is as consistent with what HMI sees of it.
    reach = 0 if truth.periodic else size / 2 * plate_scale / scale
    for i in range(number):
        centre = [rng.uniform(min(reach, n / 2), n - min(reach, n / 2)) for n in image.shape]
        angle = rng.uniform(0, 2 * np.pi) if turn else 0.0
        for grid, values, result in ((coarse, blurred, inputs), (fine, sharp, targets)):
            y = centre[0] + np.cos(angle) * grid[:, None] - np.sin(angle) * grid
            x = centre[1] + np.sin(angle) * grid[:, None] + np.cos(angle) * grid
            result[i] = ndimage.map_coordinates(values, [y, x], order=3, mode=mode, prefilter=False)
    return Patches(inputs, targets, [truth.source] * number)


def coarsest_sampling(target, plate_scale):
    """Return the largest plate scale of a truth that has all that a target passes, or its patches can show."""
    return 0.5 / min(target.limit, 1 / plate_scale)


def check_sampling(truth, target, plate_scale, size):
    """Raise where a truth, as it is, holds too little for patches of the target."""
    scale, coarsest = truth.plate_scale, coarsest_sampling(target, plate_scale)
    if scale > 1.001 * coarsest:
        msg = (
            f"truth {truth.source} has {scale:.3g} arcsec per pixel, expected at most {coarsest:.3g}, or it is no "
            "sharper than the target: correct its 'plate_scale' or 'grid', or give another truth"
        )
        raise ValueError(msg)
    smallest, least = min(truth.image.shape) * scale, size * plate_scale / 2
    if not truth.periodic and smallest < 0.999 * least:
        msg = (
            f"a part of truth {truth.source} is {smallest:.3g} arcsec wide, expected at least {least:.3g}, half a "
            "patch: give more of it, hold out another fraction, or make patches.size smaller"
        )
        raise ValueError(msg)
