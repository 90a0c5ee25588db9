"""How much larger than elsewhere errors are at the border of a frame, beyond which a network sees a mirror image."""

import numpy as np

from sunpy_enhance.training.calibration import best_factor
from sunpy_enhance.validation.scores import crop

__all__ = ["border_factors"]

# Input pixels from the border that are looked at one by one, and where the inner part begins that they are compared to.
_RINGS, _INNER = 8, 12
# A factor below this is none.
_LEAST = 1.05


def border_factors(restore, patches, noise, *, halo, seed, chunk=16):
    """Measure by how much sigma has to be larger in the outermost pixels of a frame.

    Each patch is taken for a frame: what lies around it is left out, and its mirror image put there.

    Parameters
    ----------
    restore : callable
        From images (n, y + 2 halo, x + 2 halo) to what is made of them and its sigma, each (n, 2y, 2x).
    patches : `~sunpy_enhance.training.patches.Patches`
        Such as those that sigma is calibrated on.
    noise : float
        Standard deviation of the noise that is added to the inputs.
    halo : int
        Input pixels that the network uses on each side.
    seed : int
    chunk : int
        Patches at a time.

    Returns
    -------
    list of float
        For the input pixels from the border inwards, as far as it is more than 5 %: the factor that covers there what
        sigma covers farther inside. Empty where the patches are too small to tell.
    """
    rng, ratios = np.random.default_rng([seed, 10]), []
    frames = crop(patches.inputs, patches.halo)
    if min(frames.shape[1:]) <= 2 * _INNER:
        return []
    for start in range(0, len(frames), chunk):
        part = frames[start : start + chunk]
        noisy = part + rng.normal(0, noise, part.shape).astype(np.float32)
        enhanced, sigma = restore(np.pad(noisy, ((0, 0), (halo, halo), (halo, halo)), mode="symmetric"))
        ratios.append(np.abs(enhanced - patches.targets[start : start + chunk]) / sigma)
    ratios = np.concatenate(ratios)
    y, x = (np.minimum(np.arange(n), np.arange(n)[::-1]) // 2 for n in ratios.shape[1:])
    distance = np.minimum(y[:, None], x)
    inner = best_factor(ratios[:, distance >= _INNER].ravel())
    factors = [best_factor(ratios[:, distance == ring].ravel()) / inner for ring in range(_RINGS)]
    wide = [ring for ring, factor in enumerate(factors) if factor >= _LEAST]
    return [round(max(factor, 1.0), 2) for factor in factors[: max(wide, default=-1) + 1]]
