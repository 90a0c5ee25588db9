"""From a recipe to a trained network."""

import dataclasses
import tomllib
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from sunpy_enhance.optics import psf_from_card, transfer_function
from sunpy_enhance.training.dataset import Patches, sample_patches
from sunpy_enhance.training.metrics import evaluate
from sunpy_enhance.training.networks import Hybrid
from sunpy_enhance.training.sources import read_truth, synthetic_truth

__all__ = ["Recipe", "make_patches", "read_recipe", "train", "train_and_export", "validate_towards_limb"]

# Scenes that are held out take their seeds from here on, those for training from 0 on.
_HELD_OUT_SEEDS = 1_000_000

_NEEDED = {"name", "version", "observable", "seed", "noise", "plate_scale"}
_NEEDED |= {"psf", "target", "network", "patches", "training"}

# What `validate_towards_limb` looks at.
_MU = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3)
_LIMB_KINDS = {"continuum": ("quiet", "spot"), "magnetogram": ("network", "spot")}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A TOML recipe: ``text`` as it stands in the card, ``table`` as it was parsed."""

    text: str
    table: dict

    def __getitem__(self, key):
        return self.table[key]

    def network(self, **changes):
        """Return the untrained network, with some of its parameters changed."""
        odd = self["observable"] == "magnetogram"
        return Hybrid(**(self["network"] | changes), odd=odd, constant=1000.0 if odd else 1.0)


def read_recipe(path):
    """Read a recipe.

    Parameters
    ----------
    path : path
        A TOML file; those of the shipped networks are in ``sunpy_enhance/training/recipes``.

    Returns
    -------
    `Recipe`

    Raises
    ------
    ValueError
        Where a table or key is missing.
    """
    text = Path(path).read_text(encoding="utf-8")
    table = tomllib.loads(text)
    needed = {
        "name",
        "version",
        "observable",
        "seed",
        "noise",
        "psf",
        "target",
        "plate_scale",
        "network",
        "patches",
        "training",
    }
    if missing := needed - set(table):
        msg = f"recipe {path} lacks {sorted(missing)}: see the recipes in sunpy_enhance/training/recipes"
        raise ValueError(msg)
    return Recipe(text, table)


def make_patches(recipe, directory, *, progress=True):
    """Make the patches of a recipe.

    Parameters
    ----------
    recipe : `Recipe`
    directory : path or None
        Where the recipe's files are.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    train, held_out : `Patches`
    """
    files = [(entry, *read_truth(directory, entry)) for entry in recipe["files"]] if "files" in recipe.table else []
    optics = {
        "psf": psf_from_card(**recipe["psf"]),
        "target": psf_from_card(**recipe["target"]),
        "plate_scale": recipe["plate_scale"],
        "size": recipe["patches"]["size"],
        "halo": recipe.network().halo,
    }
    train, held_out = [], []
    rng = np.random.default_rng(recipe["seed"])

    def cut(truths, number, entry, parts, *, augment):
        ranges = {key: entry[key] for key in ("zoom", "gain") if key in entry and augment}
        for truth in truths if number else []:
            parts.append(sample_patches(truth, number, rng=rng, **optics, **ranges))

    for entry, for_training, for_test in tqdm(files, desc="files", disable=not progress):
        for _ in range(entry["scenes"]):
            cut(for_training, entry["patches"], entry, train, augment=True)
        cut(for_test, entry["test_patches"], entry, held_out, augment=False)
    for entry in recipe.table.get("synthetic", []):
        kind, low = entry["kind"], entry.get("mu", 1.0)
        for seed in tqdm(range(entry["scenes"]), desc=kind, disable=not progress):
            truth = synthetic_truth(recipe["observable"], kind, seed=seed, mu=rng.uniform(low, 1))
            cut([truth], entry["patches"], entry, train, augment=True)
        for seed in range(entry["test_scenes"]):
            truth = synthetic_truth(recipe["observable"], kind, seed=_HELD_OUT_SEEDS + seed)
            cut([truth], entry["test_patches"], entry, held_out, augment=False)
    return Patches.join(train), Patches.join(held_out)


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


def _local_variance(targets, settings, noise):
    """Return the squared error that is tolerable at a pixel: a part of the power about it, and some noise."""
    power = torch.nn.functional.avg_pool2d(targets.square(), 9, stride=1, padding=4, count_include_pad=False)
    return (settings["local_floor"] * noise) ** 2 + settings["local"] ** 2 * power


def train(recipe, directory, *, device="cpu", checkpoint=None, patches=None, progress=True):
    """Train the network of a recipe.

    The linear filter is fitted by least squares, then everything is trained together. The loss is the squared
    error in units of the linear filter's on the same patch, so that quiet Sun counts as much as spots, plus the
    squared error of what HMI would see of it, which keeps the result consistent with the data. With ``local`` in the
    recipe, the squared error relative to the power about each pixel is added, so that weak field beside a spot
    counts, too.

    Parameters
    ----------
    recipe : `Recipe`
    directory : path or None
        Where the recipe's files are.
    device : str
        Torch's.
    checkpoint : path, optional
        Written now and then; read first where it exists, so that a run that was killed goes on.
    patches : (`Patches`, `Patches`), optional
        Those of `make_patches`, where they have been made already.
    progress : bool
        Whether to show bars.

    Returns
    -------
    network : `Hybrid`
        The trained network, in float32 on the CPU.
    linear : `Hybrid`
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
        loss = (squares * weights[indices].to(device)).mean()
        if settings["local"]:
            loss = loss + (error.square() / _local_variance(targets, settings, noise)).mean()
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


def validate_towards_limb(recipe, network, linear, *, shape=(768, 768), number=60):
    """Measure the network on synthetic Suns seen at an angle.

    Parameters
    ----------
    recipe : `Recipe`
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
        As `~sunpy_enhance.training.metrics.evaluate` gives them; the sources are called "mu = ..., kind".
    """
    optics = {"psf": psf_from_card(**recipe["psf"]), "target": psf_from_card(**recipe["target"])}
    optics |= {"plate_scale": recipe["plate_scale"], "size": recipe["patches"]["size"], "halo": network.halo}
    trained = min((entry.get("mu", 1.0) for entry in recipe.table.get("synthetic", [])), default=1.0)
    rng = np.random.default_rng([recipe["seed"], 3])
    name, metrics, validated, broken = recipe["name"], {}, 1.0, False
    for mu in _MU:
        parts = []
        for kind in _LIMB_KINDS[recipe["observable"]]:
            truth = synthetic_truth(recipe["observable"], kind, seed=2 * _HELD_OUT_SEEDS, shape=shape, mu=mu)
            truth = dataclasses.replace(truth, source=f"mu = {mu:.1f}, {kind}")
            parts.append(sample_patches(truth, number, rng=rng, **optics))
        results = evaluate({name: network, "linear": linear}, Patches.join(parts), recipe["noise"], seed=recipe["seed"])
        metrics |= results
        for methods in results.values():
            ours = methods[name]
            best = min(methods[other]["rms"] for other in ("linear", "bicubic"))
            broken |= ours["rms"] >= best or ours["correlation"] < 0.9
        broken |= mu < trained
        if not broken:
            validated = mu
    return validated, metrics


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
    from sunpy_enhance.training.export import export

    recipe = read_recipe(recipe_path)
    checkpoint = Path(f"{out}.checkpoint")
    network, linear, metrics = train(recipe, directory, device=device, checkpoint=checkpoint, progress=progress)
    mu_validated, towards_limb = validate_towards_limb(recipe, network, linear)
    card = export(recipe, network, metrics | towards_limb, out, mu_validated=mu_validated)
    baseline = Path(out).with_name(f"{Path(out).stem}-linear.onnx")
    export(recipe, linear, metrics | towards_limb, baseline, mu_validated=mu_validated)
    checkpoint.unlink(missing_ok=True)
    return card
