"""The border of a frame: how often the truth lies within the uncertainty there, without and with the card's factors.

Run ``python benchmarks/border.py [DATA] [--models NAME|FILE ...] [--out docs/uncertainty/border.csv]``. DATA is the
folder of the recipes' files; without it there is only the synthetic Sun. Each held-out patch is taken for a frame: what
lies around it is left out, and its mirror image put there, as `sunpy_enhance.enhance_map` does. A minute on one core.
"""

import argparse
from pathlib import Path

import numpy as np
from rows import print_rows

from sunpy_enhance import available_models
from sunpy_enhance._network import apply_tiled, load_network
from sunpy_enhance.training.recipe import read_recipe
from sunpy_enhance.validation.scenes import Scenes
from sunpy_enhance.validation.scores import crop

_HEADING = ["network", "input pixels from the border", "factor", "RMS error, inside = 1"]
_HEADING += [f"within {k} sigma{how} [%]" for how in (" without it", "") for k in (1, 2)]
# Input pixels that are shown one by one, and where the inside begins.
_RINGS, _INSIDE = 4, 12


def ratios_of(network, patches, noise, seed):
    """Return the errors of patches that are taken for frames, and these in units of the graph's sigma."""
    rng = np.random.default_rng([seed, 11])
    frames = crop(patches.inputs, patches.halo)
    noisy = frames + rng.normal(0, noise, frames.shape).astype(np.float32)
    results = [apply_tiled(network, frame, outputs=["enhanced", "sigma"]) for frame in noisy]
    enhanced, sigma = (np.stack(parts) for parts in zip(*results, strict=True))
    errors = enhanced - patches.targets
    return errors, np.abs(errors) / sigma


def rows_of(name, card, errors, ratios):
    """Return the rows of a network: the outermost pixels one by one, and the inside."""
    y, x = (np.minimum(np.arange(n), np.arange(n)[::-1]) // 2 for n in ratios.shape[1:])
    distance = np.minimum(y[:, None], x)
    inside = np.sqrt(np.mean(errors[:, distance >= _INSIDE] ** 2))
    factors = [*card.uncertainty["border"], *[1.0] * _RINGS][:_RINGS]
    parts = [(str(ring), distance == ring, factor) for ring, factor in enumerate(factors)]
    rows = []
    for told, where, factor in [*parts, (f"{_INSIDE} and more", distance >= _INSIDE, 1.0)]:
        some = ratios[:, where]
        covered = [np.mean(some < k * f) for f in (1.0, factor) for k in (1, 2)]
        rms = np.sqrt(np.mean(errors[:, where] ** 2)) / inside
        rows.append([name, told, f"{factor:.2f}", f"{rms:.2f}", *(f"{100 * part:.1f}" for part in covered)])
    return rows


def main():
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--models", nargs="+", help="names or .onnx files; default: all that tell their error")
    parser.add_argument("--out", type=Path, help="where the CSV file goes; default: nowhere")
    parser.add_argument("--patches", type=int, default=60, help="of each source")
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args()
    able = [name for name, card in available_models().items() if card.uncertainty is not None]
    rows = [_HEADING]
    for model in options.models or able:
        network = load_network(model, "cpu")
        card = network.card
        recipe = read_recipe(card.observable)
        scenes = Scenes(recipe, options.data, number=options.patches, halo=card.halo, seed=options.seed)
        case = scenes.held_out()
        usable = ~np.isin(case.patches.sources, recipe["uncertainty"]["without"])
        errors, ratios = ratios_of(network, case.patches.select(usable), case.noise, options.seed)
        rows += rows_of(Path(model).stem, card, errors, ratios)
    print_rows(rows, options.out)


if __name__ == "__main__":
    main()
