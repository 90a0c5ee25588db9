"""Truth into pairs of patches: what HMI sees of it, and what a 28 cm telescope sees of it."""

import dataclasses

import numpy as np
from scipy import ndimage

from sunpy_enhance.optics import degrade

__all__ = ["Patches", "sample_patches"]


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

    @classmethod
    def join(cls, parts):
        """Put several together."""
        return cls(
            np.concatenate([part.inputs for part in parts]),
            np.concatenate([part.targets for part in parts]),
            [source for part in parts for source in part.sources],
        )


def sample_patches(truth, number, *, psf, target, plate_scale, size, halo, rng, zoom=(1.0, 1.0), gain=(1.0, 1.0)):
    """Degrade a truth and cut patches from it at random places, angles and sub-pixel phases.

    The point spread functions are round, so that turning the sampling grid turns the Sun; and changing the
    plate scale of the truth makes its structures larger or smaller.

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
        Ranges of a random factor on the size of the structures, and on the fluctuations about the mean
        (the values themselves where the mean is far below them, as for a field).

    Returns
    -------
    `Patches`
    """
    scale = truth.plate_scale * rng.uniform(*zoom)
    factor = rng.uniform(*gain)
    mean = truth.image.mean() if truth.image.min() >= 0 else 0.0
    image = mean + factor * (truth.image - mean)
    mode = "grid-wrap" if truth.periodic else "reflect"
    # The transfer functions end far below the truth's Nyquist frequency, so that splines interpolate almost exactly.
    blurred, sharp = (
        ndimage.spline_filter(degrade(image, p, scale, periodic=truth.periodic), output=np.float32, mode=mode)
        for p in (psf, target)
    )
    inputs = np.empty((number, size + 2 * halo, size + 2 * halo), np.float32)
    targets = np.empty((number, 2 * size, 2 * size), np.float32)
    coarse = (np.arange(size + 2 * halo) - (size + 2 * halo - 1) / 2) * plate_scale / scale
    fine = (np.arange(2 * size) - (2 * size - 1) / 2) * plate_scale / 2 / scale
    # A truth that is not periodic is left by no more than its mirror image is worth: half a patch.
    reach = 0 if truth.periodic else size / 2 * plate_scale / scale
    for i in range(number):
        centre = [rng.uniform(min(reach, n / 2), n - min(reach, n / 2)) for n in image.shape]
        angle = rng.uniform(0, 2 * np.pi)
        for grid, values, result in ((coarse, blurred, inputs), (fine, sharp, targets)):
            y = centre[0] + np.cos(angle) * grid[:, None] - np.sin(angle) * grid
            x = centre[1] + np.sin(angle) * grid[:, None] + np.cos(angle) * grid
            result[i] = ndimage.map_coordinates(values, [y, x], order=3, mode=mode, prefilter=False)
    return Patches(inputs, targets, [truth.source] * number)
