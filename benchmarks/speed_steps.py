"""What two steps towards speed bring, on one tile, in turns: ``python benchmarks/speed_steps.py``.

*Blocks* are those of pixels in which the files' filters work (`sunpy_enhance.training._blocks`): beside the same
network with a convolution for each filter as it is. *Inside* is a tile of the paper's architecture that is padded with
zeros, as its borders are not wanted, beside one that is padded by reflection. Weights are random where they do not
matter.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from rows import print_rows, write_rows

from sunpy_enhance._network import load_network
from sunpy_enhance._onnx import session_of
from sunpy_enhance._tiling import TILE_SIZE
from sunpy_enhance.training._graph import graph_of
from sunpy_enhance.training.networks import Hybrid
from sunpy_enhance.training.recipe import read_recipe


class _Plain(Hybrid):
    multiple_of = 1


def _random(make, table):
    torch.manual_seed(0)
    network = make(**table).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.03)
    return network


def pairs():
    """Yield (step, network, what runs it before, what runs it after, side of the tile with its halo)."""
    for name in ("continuum", "continuum-fast", "continuum-linear"):
        table = read_recipe(name)["network"]
        table = {key: value for key, value in table.items() if key in ("channels", "layers")}
        before, after = (_random(make, table) for make in (_Plain, Hybrid))
        runs = [session_of(graph_of(network).model(name)) for network in (before, after)]
        yield "blocks", name, *runs, TILE_SIZE + 2 * after.halo
    network = load_network("continuum-paper", "cpu")
    runs = [lambda image, inside=inside: network(image, inside=inside) for inside in (False, True)]
    yield "inside", "continuum-paper", *runs, TILE_SIZE + 2 * network.card.halo


def main():
    """Print the table, and write it where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--csv", type=Path)
    options = parser.parse_args()
    rows = [["step", "network", "seconds before", "after", "times as fast"]]
    for step, name, *runs, side in pairs():
        image = np.random.default_rng(0).normal(1, 0.05, (side, side)).astype(np.float32)
        seconds = [[], []]
        for repeat in range(options.repeats + 1):  # the first round is not counted
            for run, found in zip(runs, seconds, strict=True):
                start = time.perf_counter()
                run(image)
                if repeat:
                    found.append(time.perf_counter() - start)
        before, after = map(np.median, seconds)
        rows.append([step, name, f"{before:.3g}", f"{after:.3g}", f"{before / after:.2f}"])
    print_rows(rows)
    if options.csv:
        write_rows(rows, options.csv)


if __name__ == "__main__":
    main()
