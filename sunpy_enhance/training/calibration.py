"""Calibrate the head that tells a network's error, and count what it covers."""

import numpy as np
import torch
from torch.nn import functional

from sunpy_enhance.training.batches import draw_batch
from sunpy_enhance.training.dataset import HELD_OUT_SEEDS
from sunpy_enhance.training.patches import Patches, sample_patches
from sunpy_enhance.training.sources import synthetic_truth
from sunpy_enhance.validation.regimes import regimes

__all__ = ["WITHIN", "best_factor", "calibrate", "calibration_patches", "count", "coverage", "fit_factors", "restore"]

# What users expect within one and two standard deviations: about the parts of a Gaussian.
WITHIN = (0.68, 0.95)
# The scenes to calibrate on are neither those for training nor any that something is measured on.
_SEED = 4 * HELD_OUT_SEEDS
# Rounds of the calibration, and the factors that it chooses from.
_ROUNDS = 12
_FACTORS = np.geomspace(0.25, 4, 401)


def restore(network, inputs, targets):
    """Restore a batch of which the truth is known.

    Parameters
    ----------
    network : `~sunpy_enhance.training.networks.Hybrid`
    inputs, targets : `torch.Tensor`
        (n, 1, y + 2 halo, x + 2 halo) and (n, 1, 2y, 2x).

    Returns
    -------
    restored : tuple
        What `~sunpy_enhance.training.networks.Hybrid.restore` gives.
    errors : `torch.Tensor`
        Those of the network, (n, 4, y, x) in units of its constant.
    """
    with torch.no_grad():
        restored = network.restore(inputs)
        return restored, restored.phases - functional.pixel_unshuffle(targets, 2) / network.constant


def _measure(recipe, network, head, patches, indices, seed, chunk=16):
    """Return enhanced values, errors and sigma of some patches as arrays (n, 4, y, x) in the unit of the patches."""
    rng = np.random.default_rng([recipe["seed"], seed])
    parts, constant = [], network.constant
    for start in range(0, len(indices), chunk):
        chosen = indices[start : start + chunk]
        margin = patches.halo - network.halo
        batch = draw_batch(patches, chosen, recipe["noise"], rng, margin=margin, flips=False)
        restored, errors = restore(network, *batch)
        with torch.no_grad():
            parts.append([restored.phases.numpy(), errors.numpy(), head(restored).numpy()])
    return [constant * np.concatenate(part) for part in zip(*parts, strict=True)]


def best_factor(ratios, weights=None):
    """Return the factor on sigma that covers best.

    Parameters
    ----------
    ratios : `numpy.ndarray`
        Absolute errors in units of sigma.
    weights : `numpy.ndarray`, optional

    Returns
    -------
    float
        Where the larger of two deviations is least: of the part within one sigma from 68 %, and of that within two
        from 95 %. Errors have longer tails than a Gaussian, and no factor meets both exactly.
    """
    order = np.argsort(ratios)
    total = np.cumsum(np.ones(len(ratios)) if weights is None else weights[order])
    total = np.concatenate([[0.0], total / total[-1]])
    within = [total[np.searchsorted(ratios[order], k * _FACTORS)] for k in (1, 2)]
    worst = np.maximum(*(np.abs(part - wanted) for part, wanted in zip(within, WITHIN, strict=True)))
    return float(_FACTORS[np.argmin(worst)])


def calibration_patches(recipe, data, *, number=60, scenes=2, shape=(768, 768)):
    """Return patches to calibrate on, which have nothing in common with those that are held out.

    Of the files it is training patches; of each synthetic kind new scenes, at disk centre and as they are, where those
    for training are seen at an angle, of changed contrast and size: to know the shape of the error, not its scale.

    Parameters
    ----------
    recipe : `~sunpy_enhance.training.recipe.Recipe`
    data : `~sunpy_enhance.training.patches.Patches`
        Those for training.
    number : int
        Patches of each scene, and for each of them as many of each file.
    scenes : int
        Of each synthetic kind.
    shape : (int, int)
        Of the scenes.

    Returns
    -------
    `~sunpy_enhance.training.patches.Patches`
    """
    sources, without = np.array(data.sources), recipe["uncertainty"]["without"]
    kinds = list(dict.fromkeys(entry["kind"] for entry in recipe.table.get("synthetic", [])))
    rng, sampling = np.random.default_rng([recipe["seed"], 9]), recipe.sampling() | {"halo": data.halo}
    parts = []
    for source in sorted(set(data.sources) - {f"synthetic {kind}" for kind in kinds} - set(without)):
        own = np.flatnonzero(sources == source)
        some = np.sort(rng.choice(own, min(scenes * number, len(own)), replace=False))
        parts.append(data.select(some))
    for kind in kinds:
        for seed in range(scenes):
            truth = synthetic_truth(recipe["observable"], kind, seed=_SEED + seed, shape=shape)
            parts.append(sample_patches(truth, number, rng=rng, **sampling))
    return Patches.join(parts)


def fit_factors(values, ratios, knots, *, least=100, otherwise=None):
    """Fit factors on sigma that are linear between a few values.

    Parameters
    ----------
    values : `numpy.ndarray`
        What the factor depends on, of each pixel.
    ratios : `numpy.ndarray`
        Absolute errors in units of sigma.
    knots : sequence of float
        In increasing order.
    least : int
        Pixels that a knot needs which are nearer to it than to any other.
    otherwise : `numpy.ndarray`, optional
        The factors of knots that have fewer; 1 by default.

    Returns
    -------
    `numpy.ndarray`
        One factor for each knot.
    """
    factors = np.ones(len(knots)) if otherwise is None else np.array(otherwise)
    # What a knot weighs in a pixel's factor is what the pixel weighs for the knot.
    hats = [np.interp(values, knots, unit).astype(np.float32) for unit in np.eye(len(knots))]
    near = [np.flatnonzero(hat) for hat in hats]
    enough = [i for i, hat in enumerate(hats) if np.count_nonzero(hat > 0.5) >= least]
    for _ in range(_ROUNDS):
        current = np.interp(values, knots, factors)
        for i in enough:
            factors[i] *= best_factor(ratios[near[i]] / current[near[i]], hats[i][near[i]])
    return factors


def calibrate(recipe, network, head, patches):
    """Set the head's factors from patches, so that as many errors are within one and two sigma as should be.

    Parameters
    ----------
    recipe : `~sunpy_enhance.training.recipe.Recipe`
    network : `~sunpy_enhance.training.networks.Hybrid`
    head : `~sunpy_enhance.training.sigma.Sigma`
        Its factors are set, one for each knot of the enhanced value.
    patches : `~sunpy_enhance.training.patches.Patches`
        Such as those of `calibration_patches`.
    """
    head.factors.fill_(1.0)
    enhanced, errors, sigma = _measure(recipe, network, head, patches, np.arange(len(patches)), 7)
    values = (np.abs(enhanced) if head.odd else enhanced).ravel() / network.constant
    ratios = (np.abs(errors) / sigma).ravel()
    head.factors.copy_(torch.tensor(fit_factors(values, ratios, head.knots.double().numpy())))


def count(observable, enhanced, errors, sigma):
    """Count the errors within one and two sigma, regime by regime.

    Parameters
    ----------
    observable : {"continuum", "magnetogram"}
    enhanced, errors, sigma : `numpy.ndarray`
        Of the same shape and unit.

    Returns
    -------
    dict
        ``{regime: {"pixels": int, "within_1": float, "within_2": float}}``, with "all" for all pixels.
    """
    ratios = np.abs(errors) / sigma
    result = {}
    for name, where in {"all": np.ones(ratios.shape, bool), **regimes(enhanced, observable)}.items():
        some = ratios[where]
        if some.size:
            parts = {f"within_{k}": float(np.mean(some < k)) for k in (1, 2)}
            result[name] = {"pixels": int(some.size)} | parts
    return result


def coverage(recipe, network, head, patches, factor=None):
    """Count the errors of patches within one and two sigma.

    Parameters
    ----------
    recipe : `~sunpy_enhance.training.recipe.Recipe`
    network : `~sunpy_enhance.training.networks.Hybrid`
    head : `~sunpy_enhance.training.sigma.Sigma`
    patches : `~sunpy_enhance.training.patches.Patches`
    factor : callable, optional
        From enhanced values in the unit of the patches to a factor on sigma.

    Returns
    -------
    dict
        ``{source: {regime: {"pixels": int, "within_1": float, "within_2": float}}}``, with "all" for all pixels of
        a source, and for all sources but those that the head was trained ``without``.
    """
    sources = np.array(patches.sources)
    measured = _measure(recipe, network, head, patches, np.arange(len(patches)), 8)
    if factor is not None:
        measured[2] *= factor(measured[0])
    usable = ~np.isin(sources, recipe["uncertainty"]["without"])
    chosen = {"all": usable} | {name: sources == name for name in sorted(set(patches.sources))}
    return {name: count(recipe["observable"], *(part[where] for part in measured)) for name, where in chosen.items()}
