"""From a trained network to one ONNX file with its card."""

import copy
import functools
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import numpy as np

from sunpy_enhance import ModelCard, __version__
from sunpy_enhance._halo import measure_halo
from sunpy_enhance._onnx import session_of, write
from sunpy_enhance.training._graph import graph_of

__all__ = ["export", "make_card"]

_CITATION = "Díaz Baso, C. J., & Asensio Ramos, A. 2018, A&A 614, A5, doi:10.1051/0004-6361/201731344"


def make_card(recipe, network, metrics, *, mu_validated, halo, hashes=None, uncertainty=None, input_range=None):
    """Return the `~sunpy_enhance.ModelCard` of a trained network.

    Parameters
    ----------
    recipe : `~sunpy_enhance.training.recipe.Recipe`
    network : `~sunpy_enhance.training.networks.Hybrid` or `~sunpy_enhance.training.paper.Paper`
    metrics : dict
        As `~sunpy_enhance.training.train.train` gives them.
    mu_validated : float
        See `~sunpy_enhance.training.metrics.validate_towards_limb`.
    halo : int
        As measured.
    hashes : dict, optional
        SHA-256 of each training file, see `~sunpy_enhance.training.files.file_hashes`; default: the recipe's.
    uncertainty, input_range : optional
        As the card has them.

    Returns
    -------
    `~sunpy_enhance.ModelCard`
        With the recipe's ``instrument``, ``licence`` and ``citation`` where it gives them; by default those of the
        shipped networks.
    """
    observable = recipe["observable"]
    if hashes is None:
        hashes = {entry["file"]: entry["sha256"] for entry in recipe.table.get("files", [])}
    data = dict(hashes)
    if recipe.table.get("synthetic"):
        data["sunpy_enhance.training.synthetic"] = __version__
    return ModelCard(
        name=recipe["name"],
        version=recipe["version"],
        licence=recipe.table.get("licence", "BSD-3-Clause"),
        citation=recipe.table.get("citation", _CITATION),
        instrument=recipe.table.get("instrument", "HMI"),
        observable=observable,
        unit="G" if observable == "magnetogram" else "",
        normalisation=network.constant if observable == "magnetogram" else "quiet_sun",
        plate_scale=recipe["plate_scale"],
        plate_scale_tolerance=0.01,
        mu_validated=mu_validated,
        scale=2,
        halo=halo,
        multiple_of=network.multiple_of,
        border=network.border,
        psf=dict(recipe["psf"]),
        target=dict(recipe["target"]),
        noise=recipe["noise"],
        data=data,
        recipe=recipe.text,
        seed=recipe["seed"],
        commit=_commit(),
        libraries={"python": platform.python_version()} | {name: version(name) for name in ("numpy", "scipy", "torch")},
        metrics=metrics,
        uncertainty=uncertainty,
        input_range=input_range,
    )


def _results(network, head, images):
    """Return what a network and its head give, in units of the network's constant and the precision of the images."""
    import torch
    from torch.nn.functional import pixel_shuffle

    network = network.to(images.dtype)
    with torch.no_grad():
        results = {"enhanced": network(images) / network.constant}
        if head is not None:
            results["sigma"] = pixel_shuffle(head.to(images.dtype)(network.restore(images)), 2)
    return {name: result[0, 0].numpy() for name, result in results.items()}


@functools.cache  # before the first file is written, which makes the checkout dirty
def _commit():
    """Return the commit of the checkout that this module lies in, or the version where it is installed."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return __version__


def export(recipe, network, metrics, path, *, mu_validated, hashes=None, head=None, **trust):
    """Write a trained network with its card.

    Parameters
    ----------
    recipe : `~sunpy_enhance.training.recipe.Recipe`
    network : `~sunpy_enhance.training.networks.Hybrid` or `~sunpy_enhance.training.paper.Paper`
        On the CPU; it is put into evaluation mode.
    metrics : dict
        See `make_card`.
    path : path
        The ONNX file. It appears only when it is complete and gives what the network gives.
    mu_validated : float
        See `make_card`.
    hashes : dict, optional
        See `make_card`.
    head : `~sunpy_enhance.training.sigma.Sigma`, optional
        Calibrated; the file then has the output "sigma", too.
    **trust
        ``uncertainty`` and ``input_range`` of the card.

    Returns
    -------
    `~sunpy_enhance.ModelCard`

    Raises
    ------
    RuntimeError
        Where the file does not give what the network gives, or does not reach as far as the network should.
    TypeError
        Where the network is of another kind.
    """
    import torch

    names = ("enhanced",) if head is None else ("enhanced", "sigma")
    model = graph_of(network.eval(), head).model(recipe["name"], names)
    session = session_of(model)

    def run(image, name="enhanced"):
        return session(image * network.constant, name) / network.constant

    noise = np.random.default_rng(0).normal(1, 0.2, (64 + 2 * network.halo,) * 2).astype(np.float32)
    images = torch.from_numpy(noise * network.constant)[None, None]
    single, double = (
        _results(*parts) for parts in ((network, head, images), (*copy.deepcopy((network, head)), images.double()))
    )
    for name in names:
        # A deep network is only as exact as float32 lets it be.
        rounding = np.abs(single[name] - double[name]).max()
        if not np.abs(run(noise, name) - double[name]).max() <= max(2e-5, 4 * rounding):  # NaN is none either
            msg = f"{path}: the exported graph does not give what the network gives as {name}"
            raise RuntimeError(msg)
    halo = measure_halo(run, network.halo)
    if halo != network.reach:
        msg = f"{path}: the measured halo is {halo} pixels, but the network's layers add up to {network.reach}"
        raise RuntimeError(msg)
    # A network that does without a pixel, so that blocks fit, is given it all the same.
    halo = max(halo, network.halo)
    card = make_card(recipe, network, metrics, mu_validated=mu_validated, halo=halo, hashes=hashes, **trust)
    write(model, card, path)
    return card
