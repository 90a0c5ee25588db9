"""How well a restoration does where the truth is known."""

import dataclasses
from functools import partial

import numpy as np
import torch

from sunpy_enhance._sigma import factor_at
from sunpy_enhance.training.calibration import coverage
from sunpy_enhance.training.patches import Patches, coarsest_sampling, sample_patches
from sunpy_enhance.training.recipe import HELD_OUT_SEEDS
from sunpy_enhance.training.sources import synthetic_truth
from sunpy_enhance.training.synthetic import PLATE_SCALE
from sunpy_enhance.validation import scores

__all__ = ["evaluate", "validate_towards_limb"]

# What `validate_towards_limb` looks at: scenes whose structure stands far above the noise, or the correlation with
# the truth would tell of the noise alone.
_MU = (1.0, 0.8, 0.6, 0.5, 0.45, 0.4, 0.3, 0.2)
_LIMB_KINDS = {"continuum": ("quiet", "spot"), "magnetogram": ("plage", "spot")}


class _OfArrays:
    """A method of PyTorch as one of arrays.

    A network that pads by itself gets as much around a patch as it would see in a frame.
    """

    def __init__(self, restore, chunk):
        self.restore, self.chunk = restore, chunk
        self.around = restore.reach if getattr(restore, "border", "pad") == "own" else 0
        self.halo = restore.halo + self.around

    def __call__(self, images):
        with torch.no_grad():
            parts = torch.from_numpy(images)[:, None].split(self.chunk)
            return scores.crop(torch.cat([self.restore(part) for part in parts])[:, 0].numpy(), 2 * self.around)


def evaluate(methods, patches, noise, *, chunk=64, **options):
    """Return the metrics of restorations, source by source.

    Parameters
    ----------
    methods : dict of str to callable
        Each (n, 1, y + 2 halo, x + 2 halo) -> (n, 1, 2y, 2x) with a ``halo`` of its own, up to that of the patches;
        bicubic interpolation is added.
    patches : `sunpy_enhance.training.patches.Patches`
    noise : float
        Standard deviation of the noise that is added to the inputs, the same for every method.
    chunk : int
        Patches at a time.
    **options
        Those of `sunpy_enhance.validation.scores.evaluate`, where the figures are described.

    Returns
    -------
    dict
        ``{source: {method: {figure: value}}}``.
    """
    arrays = {name: _OfArrays(restore, chunk) for name, restore in methods.items()}
    return scores.evaluate(arrays, patches, noise, **options)


def validate_towards_limb(recipe, network, linear, head=None, uncertainty=None, *, shape=(768, 768), number=60):
    """Measure the network on synthetic Suns seen at an angle.

    Parameters
    ----------
    recipe : `~sunpy_enhance.training.recipe.Recipe`
    network, linear : callable
        The trained network and the linear filter.
    head : `~sunpy_enhance.training.sigma.Sigma`, optional
        Of the network, calibrated.
    uncertainty : dict, optional
        What the card has of it, the factors towards the limb among them.
    shape : (int, int)
        Of the scenes.
    number : int
        Patches of each scene.

    Returns
    -------
    mu_validated : float
        The lowest mu down to which, without a gap, it restores every kind of scene: nearer to the truth than bicubic
        interpolation and than the linear filter, with a correlation of at least 0.9. Where the recipe's
        ``[[synthetic]]`` scenes give ``mu``, no lower one than theirs is taken.
    metrics : dict
        As `evaluate` gives them; the sources are called "mu = ..., kind".
    covered : dict
        As `~sunpy_enhance.training.calibration.coverage` gives it for these sources; empty without a head.
    """
    # An entry that gives no mu says nothing of it; where none does, the measurement alone decides.
    trained = min((entry["mu"] for entry in recipe.table.get("synthetic", []) if "mu" in entry), default=0.0)
    rng, sampling = np.random.default_rng([recipe["seed"], 3]), recipe.sampling()
    optics = {key: sampling[key] for key in ("psf", "target", "plate_scale")}
    # Finer than the 48 km of the synthetic Sun for a target that sees them.
    scale = min(PLATE_SCALE, coarsest_sampling(sampling["target"], sampling["plate_scale"]))
    name, metrics, covered, validated, broken = recipe["name"], {}, {}, 1.0, False
    for mu in _MU:
        parts = []
        for kind in _LIMB_KINDS[recipe["observable"]]:
            options = {"seed": 2 * HELD_OUT_SEEDS, "shape": shape, "mu": mu, "plate_scale": scale}
            truth = synthetic_truth(recipe["observable"], kind, **options)
            truth = dataclasses.replace(truth, source=f"mu = {mu}, {kind}")
            parts.append(sample_patches(truth, number, rng=rng, **sampling))
        patches = Patches.join(parts)
        methods = {name: network, "linear": linear}
        results = evaluate(methods, patches, recipe["noise"], seed=recipe["seed"], **optics)
        metrics |= results
        if head is not None:
            counted = coverage(recipe, network, head, patches, partial(factor_at, mu, uncertainty=uncertainty or {}))
            covered |= {source: counted[source] for source in results}
        for methods in results.values():
            ours = methods[name]
            # The linear filter has to beat bicubic interpolation alone.
            others = ("bicubic",) if network is linear else ("linear", "bicubic")
            best = min(methods[other]["rms"] for other in others)
            broken |= ours["rms"] >= best or ours["correlation"] < 0.9
        broken |= mu < trained
        if not broken:
            validated = mu
    return validated, metrics, covered
