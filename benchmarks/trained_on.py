"""Whether the paper's architecture could do better than the files that are shipped.

Run ``python benchmarks/trained_on.py DATA [--observables ...] [--steps 1000] [--out docs/accuracy/trained_on.csv]``.
DATA is the folder of the recipes' files. The weights of ``continuum-paper`` and ``magnetogram-paper``, with the batch
normalisation in them, are trained on as in their recipes, at a low rate. The table has what this brings on held-out
truth. Some twenty minutes on one core for each observable.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from rows import print_rows
from torch import nn

from sunpy_enhance._network import load_network
from sunpy_enhance._paper import FOLD
from sunpy_enhance.models import resolve
from sunpy_enhance.training.recipe import read_recipe
from sunpy_enhance.training.train import train
from sunpy_enhance.validation._methods import Trained
from sunpy_enhance.validation.scenes import Scenes
from sunpy_enhance.validation.scores import crop

_CHANGES = {"training.learning_rate": 2e-4, "training.batch": 16, "training.float32": 0.2}
_HEADING = ["observable", "truth", "default: RMS error", "-paper [dB]", "-paper, trained on [dB]"]


def without_normalisation(network, path):
    """Return the network with the weights of a file, in which batch normalisation is part of the convolutions."""
    for branch in (*network.blocks, network.closing):
        for i, layer in enumerate(branch):
            if isinstance(layer, nn.BatchNorm2d):
                branch[i] = nn.Identity()
    graph = onnx.load_from_string(path.read_bytes()).graph
    arrays = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
    kernels = [[arrays[name] for name in node.input[1:]] for node in graph.node if node.op_type == "Conv"]
    inner = [layer for layer in (*network.blocks.modules(), *network.closing) if isinstance(layer, nn.Conv2d)]
    # Last in the file are the four phases, each a convolution and the sum over the channels.
    *first, phases = *kernels[:-8], kernels[-8:]
    folds = np.concatenate([np.kron(FOLD[row], FOLD[column]) for row in (0, 1) for column in (0, 1)])
    taps = np.concatenate([kernel.numpy().reshape(-1, 4).T for kernel, _ in phases[::2]])
    fine = np.linalg.lstsq(folds.astype(float), taps.astype(float), rcond=None)[0].T.astype(np.float32)
    fine = torch.from_numpy(fine).reshape(network.fine.weight.shape)
    layers = [network.first, *inner, network.fine, network.last]
    with torch.no_grad():
        for layer, (kernel, bias) in zip(layers, [*first, (fine, phases[0][1]), phases[1]], strict=True):
            layer.weight.copy_(kernel)
            layer.bias.copy_(bias)
    return network


def restored(method, noisy, halo):
    """Return what a file or a network makes of images, without their halo."""
    if isinstance(method, Trained):
        result = method(crop(noisy, halo - method.halo))
        return result[0] if isinstance(result, tuple) else result
    with torch.no_grad():
        return crop(method(torch.from_numpy(noisy)[:, None])[:, 0].numpy(), 2 * halo)


def rows_of(observable, methods, options):
    """Return a row for each source that something is held out of."""
    halo = max(method.halo for method in methods if isinstance(method, Trained))
    scenes = Scenes(read_recipe(observable), options.data, number=60, halo=halo, seed=2026)
    case, rows = scenes.held_out(), []
    sources = np.array(case.patches.sources)
    for source in dict.fromkeys(sources):
        patches, rng = case.patches.select(sources == source), np.random.default_rng([2026, 2])
        noisy = patches.inputs + rng.normal(0, case.noise, patches.inputs.shape).astype(np.float32)
        rms = [np.sqrt(np.mean(np.square(restored(method, noisy, halo) - patches.targets))) for method in methods]
        gains = [f"{20 * np.log10(rms[0] / other):+.2f}" for other in rms[1:]]
        rows.append([observable, str(source), f"{rms[0]:.4g}", *gains])
    return rows


def main():
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--observables", nargs="+", default=["continuum", "magnetogram"])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--out", type=Path, help="where the CSV file goes; default: nowhere")
    options = parser.parse_args()
    rows = [_HEADING]
    for observable in options.observables:
        recipe = read_recipe(f"{observable}-paper", changes=_CHANGES | {"training.steps": options.steps})
        network = without_normalisation(recipe.network(), resolve(f"{observable}-paper"))
        files = [Trained(load_network(name, "cpu")) for name in (observable, f"{observable}-paper")]
        trained, *_ = train(recipe, options.data, network=network, device="cpu")
        rows += rows_of(observable, [*files, trained], options)
    print_rows(rows, options.out)


if __name__ == "__main__":
    main()
