"""From a recipe to a trained network."""

import contextlib
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from sunpy_enhance._files import check_folder
from sunpy_enhance.training.batches import draw_batch
from sunpy_enhance.training.border import border_factors
from sunpy_enhance.training.calibration import calibrate, calibration_patches, coverage
from sunpy_enhance.training.export import export
from sunpy_enhance.training.files import file_hashes
from sunpy_enhance.training.limb import limb_factors
from sunpy_enhance.training.loop import optimise
from sunpy_enhance.training.losses import Loss
from sunpy_enhance.training.metrics import evaluate, validate_towards_limb
from sunpy_enhance.training.recipe import make_patches, read_recipe
from sunpy_enhance.training.sigma import Sigma
from sunpy_enhance.training.uncertainty import train_head, usable_patches

__all__ = ["train", "train_and_export"]


def _device(name):
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        msg = f"device is {name!r}, but PyTorch finds no CUDA device: use 'auto' or 'cpu'"
        raise RuntimeError(msg)
    return torch.device(name)


def _fit_linear(recipe, patches, rng):
    """Return the linear filter that restores noisy patches best, in the sense of least squares."""
    linear, noise = recipe.linear(), recipe["noise"]
    some = np.sort(rng.choice(len(patches), min(recipe["training"]["fit_patches"], len(patches)), replace=False))
    inputs = patches.inputs[some]
    noisy = inputs + rng.normal(0, noise, inputs.shape).astype(np.float32)
    linear.linear.fit(noisy / linear.constant, patches.targets[some] / linear.constant)
    return linear.eval()


def _linear_errors(linear, patches, noise, rng, *, flips, chunk=64):
    """Mean squared error of the linear filter on each patch."""
    errors = []
    with torch.no_grad():
        for start in range(0, len(patches), chunk):
            indices = np.arange(start, min(start + chunk, len(patches)))
            # The noise is drawn with the margin that the network needs, and the filter perhaps not.
            inputs, targets = draw_batch(patches, indices, noise, rng, flips=flips)
            margin = patches.halo - linear.halo
            inputs = inputs[..., margin : inputs.shape[2] - margin, margin : inputs.shape[3] - margin]
            errors.append((linear(inputs) - targets).square().mean(dim=(1, 2, 3)))
    return torch.cat(errors).numpy()


def train(
    recipe, directory, *, network=None, device="auto", checkpoint=None, patches=None, history=None, progress=True
):
    """Train the network of a recipe.

    The linear filter is fitted by least squares, whatever the network: it is what a network has to beat, and where a
    network contains one, it starts from there. The loss is described in `~sunpy_enhance.training.losses.Loss`.

    Parameters
    ----------
    recipe : `~sunpy_enhance.training.recipe.Recipe`
    directory : path or None
        Where the recipe's files are.
    network : `torch.nn.Module`, optional
        To train on, which changes it; default: a new one of the recipe.
    device : str
        "auto", "cpu" or "cuda", or any other of PyTorch's; "auto" is CUDA where there is a device.
    checkpoint : path, optional
        Written now and then; read first where it exists, so that a run that was killed goes on to the same weights.
    patches : (`~sunpy_enhance.training.patches.Patches`, `~sunpy_enhance.training.patches.Patches`), optional
        Those of `~sunpy_enhance.training.recipe.make_patches` or
        `~sunpy_enhance.training.storage.open_dataset`, where they have been made already.
    history : path, optional
        The loss curve: a CSV file as described in `~sunpy_enhance.training.history.History`, and its picture in a
        PNG file beside it.
    progress : bool
        Whether to show bars.

    Returns
    -------
    network : `torch.nn.Module`
        The trained network, in float32 on the CPU.
    linear : `~sunpy_enhance.training.networks.Hybrid`
        The linear filter alone.
    metrics : dict
        Held-out metrics, as the model card has them.

    Raises
    ------
    RuntimeError
        Where CUDA is asked for and there is none.
    ValueError
        Where the checkpoint is of another training.
    """
    device = _device(device)
    settings, seed, noise = recipe["training"], recipe["seed"], recipe["noise"]
    data, held_out = patches or make_patches(recipe, directory, progress=progress)
    rng = np.random.default_rng([seed, 0])
    linear = _fit_linear(recipe, data, rng)
    if network is None:
        torch.manual_seed(seed)
        network = recipe.network()
        if hasattr(network, "linear"):
            network.linear.load_state_dict(linear.linear.state_dict())
    if network.channels:
        errors = None
        if settings["loss"] == "weighted":
            flips = settings["flips"] and recipe.symmetric
            errors = _linear_errors(linear, data, noise, rng, flips=flips)
        loss = Loss(recipe, network.constant, errors, data.sources, device)
        network, curve = optimise(
            network,
            recipe,
            data,
            held_out,
            loss,
            device=device,
            checkpoint=checkpoint,
            history=history,
            progress=progress,
        )
        if history is not None:
            curve.plot(Path(history).with_suffix(".png"), "G" if recipe["observable"] == "magnetogram" else "quiet Sun")
    else:
        network = linear
    network.eval()
    psf, target = recipe.optics()
    methods = {recipe["name"]: network, "linear": linear}
    optics = {"psf": psf, "target": target, "plate_scale": recipe["plate_scale"]}
    return network, linear, evaluate(methods, held_out, noise, seed=seed, **optics)


def _with_sigma(network, head):
    """Return a function from images (n, y + 2 halo, x + 2 halo) to what is made of them and its sigma (n, 2y, 2x)."""

    def restore(images):
        with torch.no_grad():
            restored = network.restore(torch.from_numpy(images)[:, None])
            results = restored.phases, head(restored)
        return [network.constant * functional.pixel_shuffle(result, 2)[:, 0].numpy() for result in results]

    return restore


def _uncertainty(recipe, network, head, patches):
    """Calibrate the head on patches; return what of it the card has."""
    calibrate(recipe, network, head, patches)
    calibration, restore = head.calibration(network.constant), _with_sigma(network, head)
    border = border_factors(restore, patches, recipe["noise"], halo=network.halo, seed=recipe["seed"])
    limb = limb_factors(recipe, restore, knots=calibration["knots"], halo=network.halo)
    return calibration | {"border": border} | ({} if limb is None else {"limb": limb})


def _input_range(patches, observable, chunk=256):
    """Return the smallest and the largest value of the images, without noise."""
    ends = []
    for start in range(0, len(patches), chunk):
        images = patches.inputs[np.arange(start, min(start + chunk, len(patches)))]
        ends.append((images.min(), images.max()))
    low, high = float(min(low for low, _ in ends)), float(max(high for _, high in ends))
    # A field has no preferred sign, whatever that of the truth.
    return (-max(-low, high), max(-low, high)) if observable == "magnetogram" else (low, high)


def _check(recipe, out, device):
    """Raise at once where the end of a training could not be reached."""
    _device(device)
    check_folder(out)
    if recipe["uncertainty"]["steps"]:
        Sigma(recipe.network(), recipe["uncertainty"]["channels"], floor=1.0)


def train_and_export(
    recipe_path, directory, out, *, device="auto", changes=None, dataset=None, workers=1, progress=True
):
    """Make a network's ONNX file from its recipe; ``sunpy-enhance train`` calls this.

    Parameters
    ----------
    recipe_path : path
        See `~sunpy_enhance.training.recipe.read_recipe`.
    directory : path or None
        Where the recipe's files are.
    out : path
        The ONNX file. Beside it lie the loss curve, ``NAME.loss.csv`` and ``NAME.loss.png``, and while it trains the
        state of the training, ``NAME.onnx.checkpoint`` and for the head that tells the error
        ``NAME.onnx.uncertainty.checkpoint``, so that a run that was killed goes on where it was.
    device : str
        See `train`.
    changes : dict, optional
        See `~sunpy_enhance.training.recipe.read_recipe`.
    dataset : path, optional
        The patches in an HDF5 file, which is made and kept where it does not exist. Without it they are made in
        memory.
    workers : int
        Processes that make the patches, see `~sunpy_enhance.training.dataset.fill_patches`.
    progress : bool
        Whether to show bars.

    Returns
    -------
    `~sunpy_enhance.ModelCard`

    Raises
    ------
    FileNotFoundError
        Where there is no folder for the ONNX file.
    ValueError
        Where the checkpoint or the dataset is of another recipe or other files, or the recipe asks for the uncertainty
        of a network that can have none.
    """
    recipe = read_recipe(recipe_path, changes=changes, directory=directory)
    _check(recipe, out, device)
    checkpoint, history = Path(f"{out}.checkpoint"), Path(out).with_suffix(".loss.csv")
    second = Path(f"{out}.uncertainty.checkpoint")
    with contextlib.ExitStack() as stack:
        if dataset is not None:
            from sunpy_enhance.training.storage import hashes_of, open_dataset, write_dataset

            if not Path(dataset).exists():
                write_dataset(recipe, directory, dataset, workers=workers, progress=progress)
            patches = stack.enter_context(open_dataset(dataset, recipe, directory))
            hashes = hashes_of(dataset)
        else:
            patches = make_patches(recipe, directory, workers=workers, progress=progress)
            hashes = file_hashes(directory, recipe.table.get("files", []))
        if recipe["uncertainty"]["steps"]:
            usable_patches(recipe, patches[0])
        network, linear, metrics = train(
            recipe, directory, device=device, checkpoint=checkpoint, patches=patches, history=history, progress=progress
        )
        head, uncertainty = None, None
        if recipe["uncertainty"]["steps"]:
            data, held_out = patches
            head = train_head(recipe, network, data, device=_device(device), checkpoint=second, progress=progress)
            uncertainty = _uncertainty(recipe, network, head, calibration_patches(recipe, data))
            uncertainty["coverage"] = coverage(recipe, network, head, held_out)
        input_range = _input_range(patches[0], recipe["observable"])
    mu_validated, towards_limb, covered = validate_towards_limb(recipe, network, linear, head, uncertainty)
    if head is not None:
        uncertainty["coverage"] |= covered
    card = export(
        recipe,
        network,
        metrics | towards_limb,
        out,
        mu_validated=mu_validated,
        hashes=hashes,
        head=head,
        uncertainty=uncertainty,
        input_range=input_range,
    )
    for path in (checkpoint, second):
        path.unlink(missing_ok=True)
    return card
