"""From a recipe to a trained network."""

from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from sunpy_enhance.optics import psf_from_card, transfer_function
from sunpy_enhance.training.export import export
from sunpy_enhance.training.metrics import evaluate, validate_towards_limb
from sunpy_enhance.training.recipe import make_patches, read_recipe

__all__ = ["train", "train_and_export"]


def _batch(patches, indices, noise, rng):
    """Return patches with fresh noise, turned and mirrored at random."""
    inputs = patches.inputs[indices] + rng.normal(0, noise, (len(indices), *patches.inputs.shape[1:])).astype(
        np.float32
    )
    targets = patches.targets[indices]
    if rng.random() < 0.5:
        inputs, targets = inputs.swapaxes(1, 2), targets.swapaxes(1, 2)
    y, x = (slice(None, None, step) for step in rng.choice([1, -1], 2))
    return tuple(torch.from_numpy(np.ascontiguousarray(part[:, y, x]))[:, None] for part in (inputs, targets))


def _linear_errors(network, patches, noise, rng, *, chunk=64):
    """Mean squared error of the linear filter on each patch."""
    errors = []
    with torch.no_grad():
        for start in range(0, len(patches), chunk):
            indices = np.arange(start, min(start + chunk, len(patches)))
            inputs, targets = _batch(patches, indices, noise, rng)
            # The last kernels start at zero: what comes out is the linear filter's.
            errors.append((network(inputs) - targets).square().mean(dim=(1, 2, 3)))
    return torch.cat(errors).numpy()


def _local_error(targets, settings, noise):
    """Return the error that is tolerable at a pixel: a part of the strength about it, and some noise."""
    power = torch.nn.functional.avg_pool2d(targets.square(), 9, stride=1, padding=4, count_include_pad=False)
    return ((settings["local_floor"] * noise) ** 2 + settings["local"] ** 2 * power).sqrt()


def train(recipe, directory, *, device="cpu", checkpoint=None, patches=None, progress=True):
    """Train the network of a recipe.

    The linear filter is fitted by least squares, then everything is trained together. The loss is the squared
    error in units of the linear filter's on the same patch, so that quiet Sun counts as much as spots, plus the
    squared error of what HMI would see of it, which keeps the result consistent with the data. With ``local`` in the
    recipe, the absolute error relative to the strength about each pixel is added, so that weak field beside a spot
    counts, too, and ``patch`` is the weight of the former.

    Parameters
    ----------
    recipe : `~sunpy_enhance.training.recipe.Recipe`
    directory : path or None
        Where the recipe's files are.
    device : str
        Torch's.
    checkpoint : path, optional
        Written now and then; read first where it exists, so that a run that was killed goes on.
    patches : (`~sunpy_enhance.training.dataset.Patches`, `~sunpy_enhance.training.dataset.Patches`), optional
        Those of `~sunpy_enhance.training.recipe.make_patches`, where they have been made already.
    progress : bool
        Whether to show bars.

    Returns
    -------
    network : `~sunpy_enhance.training.networks.Hybrid`
        The trained network, in float32 on the CPU.
    linear : `~sunpy_enhance.training.networks.Hybrid`
        The linear filter alone.
    metrics : dict
        Held-out metrics, as the model card has them.
    """
    settings, seed, noise = recipe["training"], recipe["seed"], recipe["noise"]
    torch.manual_seed(seed)
    data, held_out = patches or make_patches(recipe, directory, progress=progress)
    network = recipe.network()
    constant = network.constant
    rng = np.random.default_rng([seed, 0])
    some = np.sort(rng.choice(len(data), min(settings["fit_patches"], len(data)), replace=False))
    noisy = data.inputs[some] + rng.normal(0, noise, data.inputs[some].shape).astype(np.float32)
    network.linear.fit(noisy / constant, data.targets[some] / constant)
    linear_errors = _linear_errors(network, data, noise, rng)
    # A patch that the linear filter restores almost perfectly need not be restored better than the noise.
    weights = torch.from_numpy((1 / (linear_errors + (settings["floor"] * noise) ** 2)).astype(np.float32))

    baseline = recipe.network(channels=0)
    baseline.linear.load_state_dict(network.linear.state_dict())
    network.to(device, memory_format=torch.channels_last)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(settings["average"])
    )
    # The linear filter is already at its optimum, and its many taps add up: small steps suffice.
    linear = set(network.linear.parameters())
    groups = [{"params": list(linear)}, {"params": [p for p in network.parameters() if p not in linear]}]
    rates = [settings["learning_rate"] * settings["linear_rate"], settings["learning_rate"]]
    optimizer = torch.optim.Adam(groups)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=rates, total_steps=settings["steps"], pct_start=0.05
    )
    size = 2 * recipe["patches"]["size"]
    fine = recipe["plate_scale"] / 2
    target = transfer_function(psf_from_card(**recipe["target"]), (size, size), fine)
    relative = transfer_function(psf_from_card(**recipe["psf"]), (size, size), fine) / np.maximum(target, 0.02)
    relative = torch.from_numpy(np.minimum(relative, 1)).to(device)

    state = {"network": network, "average": average, "optimizer": optimizer, "schedule": schedule}
    start = 0
    if checkpoint is not None and Path(checkpoint).exists():
        saved = torch.load(checkpoint, weights_only=True)
        start = saved.pop("step")
        for key, value in saved.items():
            state[key].load_state_dict(value)
    steps = settings["steps"]
    bar = tqdm(range(start, steps), initial=start, total=steps, desc="training", disable=not progress)
    for step in bar:
        # A generator for each step: a run that is resumed draws what it would have drawn.
        rng = np.random.default_rng([seed, 1, step])
        indices = rng.choice(len(data), settings["batch"], replace=False)
        inputs, targets = (part.to(device) for part in _batch(data, indices, noise, rng))
        network.bfloat16 = settings["bfloat16"] and step < (1 - settings["float32"]) * steps
        error = network(inputs) - targets
        seen = torch.fft.irfft2(torch.fft.rfft2(error) * relative, s=error.shape[-2:])
        squares = error.square().mean(dim=(1, 2, 3)) + settings["consistency"] * seen.square().mean(dim=(1, 2, 3))
        loss = settings.get("patch", 1.0) * (squares * weights[indices].to(device)).mean()
        if settings["local"]:
            # Nearly the absolute error: its minimum is the median, which invents less where the data leave a choice.
            absolute = (error.square() + (noise / 2) ** 2).sqrt()
            loss = loss + 2 * (absolute / _local_error(targets, settings, noise)).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(network)
        if step % 50 == 0:
            bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
        if checkpoint is not None and (step + 1) % settings["checkpoint"] == 0:
            saved = {key: value.state_dict() for key, value in state.items()} | {"step": step + 1}
            temporary = Path(f"{checkpoint}.part")
            torch.save(saved, temporary)
            temporary.replace(checkpoint)
    trained = average.module.cpu().eval()
    trained.bfloat16 = False
    baseline.eval()
    return trained, baseline, evaluate({recipe["name"]: trained, "linear": baseline}, held_out, noise, seed=seed)


def train_and_export(recipe_path, directory, out, *, device="cpu", progress=True):
    """Make a network's ONNX file from its recipe; ``sunpy-enhance train`` calls this.

    Parameters
    ----------
    recipe_path : path
    directory : path or None
        Where the recipe's files are.
    out : path
        The ONNX file. The linear filter alone, the baseline, goes to ``...-linear.onnx`` beside it, and the state of
        the training to ``....checkpoint``, so that a run that was killed goes on where it was; that is deleted at
        the end.
    device : str
        Torch's.
    progress : bool
        Whether to show bars.

    Returns
    -------
    `~sunpy_enhance.ModelCard`
    """
    recipe = read_recipe(recipe_path)
    checkpoint = Path(f"{out}.checkpoint")
    network, linear, metrics = train(recipe, directory, device=device, checkpoint=checkpoint, progress=progress)
    mu_validated, towards_limb = validate_towards_limb(recipe, network, linear)
    card = export(recipe, network, metrics | towards_limb, out, mu_validated=mu_validated)
    baseline = Path(out).with_name(f"{Path(out).stem}-linear.onnx")
    export(recipe, linear, metrics | towards_limb, baseline, mu_validated=mu_validated)
    checkpoint.unlink(missing_ok=True)
    return card
