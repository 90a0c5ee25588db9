"""Batches: which patches, with what noise, and how they are turned."""

import functools

import numpy as np
import torch

__all__ = ["draw_batch", "draw_indices"]


@functools.lru_cache(maxsize=2)
def _order(seed, epoch, number):
    return np.random.default_rng([seed, 5, epoch]).permutation(number)


def draw_indices(number, step, settings, seed):
    """Return the indices of the patches of a step: the same for the same step, whatever was drawn before.

    Parameters
    ----------
    number : int
        Of the patches.
    step : int
    settings : dict
        ``[training]`` of the recipe: with ``epochs`` each patch is drawn once per epoch but for an incomplete last
        batch, with ``steps`` a batch is drawn from all patches each time.
    seed : int

    Returns
    -------
    `numpy.ndarray`
    `numpy.random.Generator`
        For what else is random in that step.
    """
    rng = np.random.default_rng([seed, 1, step])
    batch = min(settings["batch"], number)
    if "steps" in settings:
        return rng.choice(number, batch, replace=False), rng
    epoch, place = divmod(step, number // batch)
    return _order(seed, epoch, number)[place * batch : (place + 1) * batch], rng


def draw_batch(patches, indices, noise, rng, *, margin=0, flips=True, polarity=False):
    """Return patches with fresh noise, mirrored and turned by multiples of 90 degrees at random, all in the same way.

    Parameters
    ----------
    patches : `~sunpy_enhance.training.patches.Patches`
    indices : `numpy.ndarray`
    noise : float
        Standard deviation, in the unit of the patches.
    rng : `numpy.random.Generator`
    margin : int
        Input pixels that are left out on each side: what the patches have more than the network takes.
    flips : bool
        Whether to mirror and turn: for round point spread functions only.
    polarity : bool
        Whether to change the sign of each patch at random: for fields only, where the Sun has no preference.

    Returns
    -------
    inputs, targets : `torch.Tensor`
        (n, 1, y + 2 halo, x + 2 halo) and (n, 1, 2y, 2x).
    """
    inputs, targets = patches.inputs[indices], patches.targets[indices]
    if margin:
        inputs = inputs[:, margin:-margin, margin:-margin]
    inputs = inputs + rng.normal(0, noise, inputs.shape).astype(np.float32)
    if flips:
        if rng.random() < 0.5:
            inputs, targets = inputs.swapaxes(1, 2), targets.swapaxes(1, 2)
        y, x = (slice(None, None, step) for step in rng.choice([1, -1], 2))
        inputs, targets = inputs[:, y, x], targets[:, y, x]
    if polarity:
        signs = rng.choice(np.float32([1, -1]), len(indices))[:, None, None]
        inputs, targets = inputs * signs, targets * signs
    return tuple(torch.from_numpy(np.ascontiguousarray(part))[:, None] for part in (inputs, targets))
