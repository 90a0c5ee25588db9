"""The training loop."""

import collections
import concurrent.futures
import contextlib
import json
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from sunpy_enhance.training.batches import draw_batch, draw_indices
from sunpy_enhance.training.checkpoint import content_of, load_checkpoint, save_checkpoint
from sunpy_enhance.training.history import History

__all__ = ["check_loss", "one_cycle", "optimise"]

# Steps between rows of the history, and held-out patches that are looked at on the way.
_ROW, _WATCHED = 50, 128
# Batches that wait for a device.
_AHEAD = 4


def one_cycle(optimizer, rates, steps, share):
    """Return a schedule that raises the learning rate to its height and lets it fall to nothing (Smith 2018).

    Parameters
    ----------
    optimizer : `torch.optim.Optimizer`
    rates : float or list of float
        The height, for each group of parameters.
    steps : int
        In all.
    share : float
        Of the steps that raise it.

    References
    ----------
    * Smith, L. N. 2018, arXiv:1803.09820
    """
    if share * steps == 1:  # PyTorch divides by the steps that raise it less one
        share = 1.5 / steps
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rates, total_steps=steps, pct_start=share)


def check_loss(value, recipe, step):
    """Raise where a training has come to numbers that are not finite.

    Parameters
    ----------
    value : float
        The loss.
    recipe : `~sunpy_enhance.training.recipe.Recipe`
    step : int
        Steps done.

    Raises
    ------
    RuntimeError
        Where the loss is not finite.
    """
    if not np.isfinite(value):
        msg = f"recipe {recipe['name']}: the loss is {value} at step {step}: lower the learning_rate, look at the truth"
        raise RuntimeError(msg)


def _optimizer(network, settings, steps):
    """Return Adam and the schedule of its learning rate.

    A penalty of ``l2`` times the sum of the squared kernels has the gradient 2 l2 w, which is what Adam's
    ``weight_decay`` of 2 l2 adds: on the kernels of convolutions alone, not on biases or batch normalisation.
    """
    # The linear filter is already at its optimum, and its many taps add up: small steps suffice.
    linear = list(network.linear.parameters()) if hasattr(network, "linear") else []
    known = {id(parameter) for parameter in linear}
    others = [parameter for parameter in network.parameters() if id(parameter) not in known]
    rate = settings["learning_rate"]
    groups = [
        {"params": linear, "lr": rate * settings["linear_rate"]},
        {"params": [p for p in others if p.ndim == 4], "lr": rate, "weight_decay": 2 * settings["l2"]},
        {"params": [p for p in others if p.ndim != 4], "lr": rate},
    ]
    groups = [group for group in groups if group["params"]]
    rates = [group["lr"] for group in groups]
    optimizer = torch.optim.Adam(groups)
    if settings["schedule"] == "onecycle":
        return optimizer, one_cycle(optimizer, rates, steps, 0.05)
    return optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)


def _average(network, decay):
    """Return a moving average of the weights; that of running statistics belongs to them."""
    return torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(decay), use_buffers=True
    )


def _watch(patches, noise, seed, margin):
    """Return a function that measures a network on a few of the held-out patches, always the same."""
    some = np.unique(np.linspace(0, len(patches) - 1, _WATCHED).astype(int))
    rng = np.random.default_rng([seed, 4])
    images, targets = draw_batch(patches, some, noise, rng, margin=margin, flips=False)

    def rms(network, device):
        training, network = network.training, network.eval()
        with torch.no_grad():
            parts = zip(images.split(32), targets.split(32), strict=True)
            squares = [(network(i.to(device)).cpu() - t).square().double().sum() for i, t in parts]
        network.train(training)
        return float((sum(squares) / targets.numel()).sqrt())

    return rms


def _ahead(batches, number):
    """Yield the same batches, so many of which a thread draws before they are asked for."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = collections.deque(pool.submit(next, batches, None) for _ in range(number))
        while (batch := waiting.popleft().result()) is not None:
            waiting.append(pool.submit(next, batches, None))
            yield batch


def _batches(recipe, data, margin, steps, device):
    """Yield the indices, inputs and targets of each step."""
    settings, noise = recipe["training"], recipe["noise"]
    turns = {"flips": settings["flips"] and recipe.symmetric, "polarity": settings["polarity"]}
    for step in steps:
        # A generator for each step: a run that is resumed draws what it would have drawn.
        indices, rng = draw_indices(len(data), step, settings, recipe["seed"])
        batch = draw_batch(data, indices, noise, rng, margin=margin, **turns)
        if device.type == "cuda":
            batch = [part.pin_memory() for part in batch]
        yield indices, *(part.to(device, non_blocking=True) for part in batch)


@contextlib.contextmanager
def _without_denormals():
    """Take numbers below 1e-38 as zero: filters that fade away leave some, and a processor is slow with them."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


@_without_denormals()
def optimise(network, recipe, data, held_out, loss, *, device, checkpoint=None, history=None, progress=True):
    """Train a network, in float32 or mixed precision, with a checkpoint and a row of the history now and then.

    Parameters
    ----------
    network : `torch.nn.Module`
        With ``halo`` and ``bfloat16``; what it contains as ``linear`` is taken to be near its optimum.
    recipe : `~sunpy_enhance.training.recipe.Recipe`
    data, held_out : `~sunpy_enhance.training.patches.Patches`
    loss : callable
        See `~sunpy_enhance.training.losses.Loss`.
    device : `torch.device`
    checkpoint, history : path, optional
        Of the checkpoint and of the CSV file.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    network : `torch.nn.Module`
        The network, or with ``average`` the moving average of its weights, on the CPU.
    history : `~sunpy_enhance.training.history.History`

    Raises
    ------
    RuntimeError
        Where the loss is not finite any more; the last checkpoint is from before.
    ValueError
        Where the checkpoint is of another training.
    """
    settings = recipe["training"]
    per_epoch = max(len(data) // settings["batch"], 1)
    steps = settings.get("steps") or settings["epochs"] * per_epoch
    network.to(device, memory_format=torch.channels_last)
    optimizer, schedule = _optimizer(network, settings, steps)
    state = {"network": network, "optimizer": optimizer, "schedule": schedule}
    if settings["average"]:
        state["average"] = _average(network, settings["average"])
    result = state["average"].module if settings["average"] else network
    margin = data.halo - network.halo
    rms = _watch(held_out, recipe["noise"], recipe["seed"], held_out.halo - network.halo)
    # What is trained afterwards on top of it does not decide the network.
    decisive = {key: value for key, value in recipe.table.items() if key != "uncertainty"}
    identity = f"{json.dumps(decisive, sort_keys=True)} {data.inputs.shape}"
    made_of = {"identity": identity, "content": content_of(data)}
    start = 0
    if checkpoint is not None and Path(checkpoint).exists():
        start = load_checkpoint(checkpoint, state, **made_of)
    history = History(history, start)
    summed, last = torch.zeros((), dtype=torch.float64, device=device), start
    bar = tqdm(range(start, steps), initial=start, total=steps, desc="training", disable=not progress)
    batches = _batches(recipe, data, margin, range(start, steps), device)
    if device.type != "cpu":  # which has nothing to do while a device computes
        batches = _ahead(batches, _AHEAD)
    for step, (indices, inputs, targets) in zip(bar, batches, strict=True):
        network.bfloat16 = settings["bfloat16"] and step < (1 - settings["float32"]) * steps
        value = loss(network(inputs), targets, indices, inputs)
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        if settings["clip"]:
            torch.nn.utils.clip_grad_norm_(network.parameters(), settings["clip"])
        rate = optimizer.param_groups[-1]["lr"]
        optimizer.step()
        schedule.step()
        if settings["average"]:
            state["average"].update_parameters(network)
        summed += value.detach()
        done = step + 1
        due = done % settings["checkpoint"] == 0
        if due or done % _ROW == 0 or done == steps:
            network.bfloat16 = False
            mean = float(summed) / (done - last)
            check_loss(mean, recipe, done)
            measured = rms(result, device) if due or done == steps else None
            history.add(step=done, epoch=done / per_epoch, loss=mean, held_out_rms=measured, learning_rate=rate)
            bar.set_postfix(loss=f"{mean:.3g}", refresh=False)
            summed, last = torch.zeros_like(summed), done
        if due and checkpoint is not None:
            save_checkpoint(checkpoint, state, step=done, **made_of)
    network.bfloat16 = False
    return result.cpu(), history
