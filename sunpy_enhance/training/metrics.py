"""How well a restoration does on patches whose truth is known."""

import dataclasses

import numpy as np
import torch
from torch.nn import functional

from sunpy_enhance.training.dataset import Patches, sample_patches
from sunpy_enhance.training.networks import crop
from sunpy_enhance.training.recipe import HELD_OUT_SEEDS
from sunpy_enhance.training.sources import synthetic_truth

__all__ = ["evaluate", "validate_towards_limb"]

# What `validate_towards_limb` looks at: scenes whose structure stands far above the noise, or the correlation with
# the truth would tell of the noise alone.
_MU = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3)
_LIMB_KINDS = {"continuum": ("quiet", "spot"), "magnetogram": ("plage", "spot")}


class _Bicubic:
    # Pixels that the interpolation needs at the border.
    halo = 4

    def __call__(self, images):
        enlarged = functional.interpolate(images, scale_factor=2, mode="bicubic", align_corners=False)
        return crop(enlarged, 2 * self.halo)


def evaluate(methods, patches, noise, *, seed=0, chunk=64):
    """Return the metrics of restorations, source by source.

    Parameters
    ----------
    methods : dict of str to callable
        Each (n, 1, y + 2 halo, x + 2 halo) -> (n, 1, 2y, 2x) with a ``halo`` of its own, up to that of the patches;
        bicubic interpolation is added.
    patches : `sunpy_enhance.training.dataset.Patches`
    noise : float
        Standard deviation of the noise that is added to the inputs, the same for every method.
    seed : int
    chunk : int
        Patches at a time.

    Returns
    -------
    dict
        ``{source: {method: {"rms": ..., "psnr": ..., "bias": ..., "correlation": ..., "contrast": ...}}}``:
        RMS error and mean error in the unit of the patches, PSNR in dB with the range of the targets as the peak,
        standard deviation of the result over that of the targets ("contrast").
    """
    halo = (patches.inputs.shape[1] - patches.targets.shape[1] // 2) // 2
    methods = methods | {"bicubic": _Bicubic()}
    rng = np.random.default_rng([seed, 2])
    noisy = patches.inputs + rng.normal(0, noise, patches.inputs.shape).astype(np.float32)
    sources = np.array(patches.sources)
    result = {}
    for source in sorted(set(patches.sources)):
        chosen = np.flatnonzero(sources == source)
        truth = patches.targets[chosen]
        result[source] = {}
        for name, restore in methods.items():
            images = torch.from_numpy(crop(noisy[chosen], halo - restore.halo))[:, None]
            with torch.no_grad():
                restored = torch.cat([restore(part) for part in images.split(chunk)])[:, 0].numpy()
            error = restored.astype(float) - truth
            rms = np.sqrt(np.mean(error**2))
            result[source][name] = {
                "rms": float(rms),
                "psnr": float(20 * np.log10((truth.max() - truth.min()) / rms)),
                "bias": float(error.mean()),
                "correlation": float(np.corrcoef(restored.ravel(), truth.ravel())[0, 1]),
                "contrast": float(restored.std() / truth.std()),
            }
    return result


def validate_towards_limb(recipe, network, linear, *, shape=(768, 768), number=60):
    """Measure the network on synthetic Suns seen at an angle.

    Parameters
    ----------
    recipe : `~sunpy_enhance.training.recipe.Recipe`
    network, linear : callable
        The trained network and the linear filter.
    shape : (int, int)
        Of the scenes.
    number : int
        Patches of each scene.

    Returns
    -------
    mu_validated : float
        The lowest mu down to which, without a gap and not beyond what the network was trained for, it restores every
        kind of scene: nearer to the truth than bicubic interpolation and than the linear filter, with a correlation
        of at least 0.9.
    metrics : dict
        As `evaluate` gives them; the sources are called "mu = ..., kind".
    """
    trained = min((entry.get("mu", 1.0) for entry in recipe.table.get("synthetic", [])), default=0.0)
    rng, sampling = np.random.default_rng([recipe["seed"], 3]), recipe.sampling()
    name, metrics, validated, broken = recipe["name"], {}, 1.0, False
    for mu in _MU:
        parts = []
        for kind in _LIMB_KINDS[recipe["observable"]]:
            truth = synthetic_truth(recipe["observable"], kind, seed=2 * HELD_OUT_SEEDS, shape=shape, mu=mu)
            truth = dataclasses.replace(truth, source=f"mu = {mu:.1f}, {kind}")
            parts.append(sample_patches(truth, number, rng=rng, **sampling))
        results = evaluate({name: network, "linear": linear}, Patches.join(parts), recipe["noise"], seed=recipe["seed"])
        metrics |= results
        for methods in results.values():
            ours = methods[name]
            # The linear filter has to beat bicubic interpolation alone.
            others = ("bicubic",) if network is linear else ("linear", "bicubic")
            best = min(methods[other]["rms"] for other in others)
            broken |= ours["rms"] >= best or ours["correlation"] < 0.9
        broken |= mu < trained
        if not broken:
            validated = mu
    return validated, metrics
