"""How much smaller or larger than at disk centre errors are where the Sun is seen at an angle, in units of sigma."""

import numpy as np

from sunpy_enhance.training.calibration import fit_factors
from sunpy_enhance.training.dataset import HELD_OUT_SEEDS
from sunpy_enhance.training.patches import Patches, sample_patches
from sunpy_enhance.training.sources import synthetic_truth

__all__ = ["limb_factors"]

# Neither trained nor calibrated on, nor any that something is measured on.
_SEED = 5 * HELD_OUT_SEEDS
# In decreasing order, the first one disk centre.
_MU = (1.0, 0.85, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
# Pixels that a knot of the enhanced value needs; where it has fewer, the factor of the next larger mu holds.
_LEAST = 2000


def limb_factors(recipe, restore, *, knots, halo, number=30, shape=(768, 768), chunk=16):
    """Measure by what sigma has to be multiplied towards the limb.

    The graph does not know where on the disk a pixel is. Towards the limb structures are foreshortened and granulation
    loses contrast, and errors change with them: one scene of each synthetic kind of the recipe is seen at one angle
    after the other.

    Parameters
    ----------
    recipe : `~sunpy_enhance.training.recipe.Recipe`
        With ``[[synthetic]]`` scenes.
    restore : callable
        From images (n, y + 2 halo, x + 2 halo) to what is made of them and its sigma, each (n, 2y, 2x).
    knots : sequence of float
        Enhanced values, of a field absolute ones, in the unit of the images, between which factors are interpolated.
    halo : int
        Input pixels that the network uses on each side.
    number : int
        Patches of each scene.
    shape : (int, int)
        Of the scenes.
    chunk : int
        Patches at a time.

    Returns
    -------
    dict or None
        ``{"mu": [...], "factors": [[...], ...]}``: mu in increasing order, and for each one factor for each knot, 1 at
        disk centre. None where the recipe has no synthetic scenes.
    """
    kinds = list(dict.fromkeys(entry["kind"] for entry in recipe.table.get("synthetic", [])))
    if not kinds:
        return None
    sampling, found = recipe.sampling() | {"halo": halo}, []
    value = np.abs if recipe["observable"] == "magnetogram" else np.asarray
    for mu in _MU:
        rng = np.random.default_rng([recipe["seed"], 12])  # the same places and the same noise at each angle
        truths = [synthetic_truth(recipe["observable"], kind, seed=_SEED, shape=shape, mu=mu) for kind in kinds]
        patches = Patches.join([sample_patches(truth, number, rng=rng, **sampling) for truth in truths])
        noisy = patches.inputs + rng.normal(0, recipe["noise"], patches.inputs.shape).astype(np.float32)
        parts = [restore(noisy[start : start + chunk]) for start in range(0, len(noisy), chunk)]
        enhanced, sigma = (np.concatenate(part) for part in zip(*parts, strict=True))
        ratios = np.abs(enhanced - patches.targets) / sigma
        last = found[-1] if found else np.ones(len(knots))
        found.append(fit_factors(value(enhanced).ravel(), ratios.ravel(), knots, least=_LEAST, otherwise=last))
    relative = [np.round(factors / found[0], 3).tolist() for factors in found]
    return {"mu": list(_MU[::-1]), "factors": relative[::-1]}
