"""Train the head that tells a network's error.

The likelihood is Gaussian about the network's fixed result (Nix & Weigend 1994, Proc. IEEE ICNN, 1, 55): the input has
noise and the truth has none, so that sigma holds both what the noise does and what cannot be known of the scene.
"""

import hashlib
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from sunpy_enhance.training.batches import draw_batch
from sunpy_enhance.training.calibration import restore
from sunpy_enhance.training.checkpoint import content_of, load_checkpoint, save_checkpoint
from sunpy_enhance.training.loop import check_loss, one_cycle
from sunpy_enhance.training.sigma import Sigma

__all__ = ["train_head", "usable_patches"]

# Smallest sigma, in units of the noise of the training.
_FLOOR = 0.1
# Batches that the features are standardised on.
_FIRST = 4


def _identity(recipe, network, data):
    digest = hashlib.sha256()
    for key, value in sorted(network.state_dict().items()):
        digest.update(key.encode() + value.detach().cpu().numpy().tobytes())
    return f"{recipe['uncertainty']} {recipe['seed']} {recipe['noise']} {data.inputs.shape} {digest.hexdigest()}"


def usable_patches(recipe, data):
    """Return the indices of the patches that the head may be trained on.

    Parameters
    ----------
    recipe : `~sunpy_enhance.training.recipe.Recipe`
    data : `~sunpy_enhance.training.patches.Patches`
        Those for training.

    Returns
    -------
    `numpy.ndarray`

    Raises
    ------
    ValueError
        Where none are left.
    """
    without = recipe["uncertainty"]["without"]
    allowed = np.flatnonzero(~np.isin(data.sources, without))
    if not len(allowed):
        msg = f"recipe {recipe['name']}: [uncertainty] without = {without} leaves no patches: name fewer"
        raise ValueError(msg)
    return allowed


def train_head(recipe, network, data, *, device="cpu", checkpoint=None, progress=True):
    """Train the head on top of a network whose weights stay as they are.

    Parameters
    ----------
    recipe : `~sunpy_enhance.training.recipe.Recipe`
        With a table ``[uncertainty]``.
    network : `~sunpy_enhance.training.networks.Hybrid`
    data : `~sunpy_enhance.training.patches.Patches`
        Those for training.
    device : `torch.device` or str
    checkpoint : path, optional
        As for `~sunpy_enhance.training.loop.optimise`; a file of its own.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    `~sunpy_enhance.training.sigma.Sigma`
        Not calibrated yet, on the CPU.

    Raises
    ------
    RuntimeError
        Where the loss is not finite any more.
    ValueError
        Where the network has no features that could tell its error, no patches are left, or the checkpoint is of
        another training.
    """
    settings, seed, noise = recipe["uncertainty"], recipe["seed"], recipe["noise"]
    allowed = usable_patches(recipe, data)
    turns = {"flips": recipe["training"]["flips"] and recipe.symmetric, "margin": data.halo - network.halo}
    torch.manual_seed(seed)
    network = network.eval().to(device)
    head = Sigma(network, settings["channels"], floor=_FLOOR * noise / network.constant).to(device)

    def batch(step, number=settings["batch"]):
        # A generator for each step: a run that is resumed draws what it would have drawn.
        rng = np.random.default_rng([seed, 6, step])
        indices = rng.choice(allowed, min(number, len(allowed)), replace=False)
        return restore(network, *(part.to(device) for part in draw_batch(data, indices, noise, rng, **turns)))

    # Steps of the training begin at 0; this one is beyond the last.
    head.standardise(*batch(settings["steps"], _FIRST * settings["batch"]))
    optimizer = torch.optim.Adam(head.parameters(), lr=settings["learning_rate"])
    schedule = one_cycle(optimizer, settings["learning_rate"], settings["steps"], 0.1)
    state = {"head": head, "optimizer": optimizer, "schedule": schedule}
    made_of = {"identity": _identity(recipe, network, data), "content": content_of(data)}
    start = 0
    if checkpoint is not None and Path(checkpoint).exists():
        start = load_checkpoint(checkpoint, state, **made_of)
    bar = tqdm(range(start, settings["steps"]), initial=start, total=settings["steps"], disable=not progress)
    bar.set_description("uncertainty")
    for step in bar:
        restored, errors = batch(step)
        sigma = head.uncalibrated(restored)
        loss = (sigma.log() + 0.5 * (errors / sigma).square()).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        done = step + 1
        due = done % recipe["training"]["checkpoint"] == 0
        if due or done % 50 == 0 or done == settings["steps"]:
            check_loss(value := float(loss.detach()), recipe, done)
            bar.set_postfix(loss=f"{value:.3f}", refresh=False)
        if due and checkpoint is not None:
            save_checkpoint(checkpoint, state, step=done, **made_of)
    network.cpu()
    return head.cpu().eval()
