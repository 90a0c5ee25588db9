"""What it costs and what it brings not to rely on one point spread function: training with widths that vary.

Run ``python benchmarks/blur.py DATA [--recipes RECIPE ...] [--out docs/accuracy/blur.csv]``. DATA is the folder of the
recipes' files. A recipe's network is trained with each range of ``patches.blur`` below, and measured on held-out truth
and where the point spread function is another one; beside it the network as it is shipped. All figures are RMS errors
in dB below those of the linear filter that is shipped. A quarter of an hour on one core for each recipe and range.
"""

import argparse
from pathlib import Path

import numpy as np
from rows import print_rows, write_rows

from sunpy_enhance._network import load_network
from sunpy_enhance.training.metrics import evaluate
from sunpy_enhance.training.recipe import make_patches, read_recipe
from sunpy_enhance.training.train import train
from sunpy_enhance.validation import scores
from sunpy_enhance.validation._methods import Trained
from sunpy_enhance.validation.scenes import Scenes

# Random factors on the width of the point spread function. That of Wachter et al. is about 0.9 times the assumed one.
RANGES = [(0.97, 1.02), (0.92, 1.06)]


def gains(ours, linear):
    """Return {source: dB by which an RMS error is below the linear filter's} of two tables of RMS errors."""
    return {source: 20 * np.log10(linear[source] / rms) for source, rms in ours.items()}


def rms_of(results, name):
    """Return {source: RMS error} of a method."""
    return {source: by_method[name]["rms"] for source, by_method in results.items()}


def cases_of(recipe, data, *, patches=60, seed=2026):
    """Return the benchmark's cases of held-out truth, and those of other point spread functions."""
    scenes = Scenes(recipe, data, number=patches, halo=recipe.sampling()["halo"], seed=seed)
    return [case for case in scenes.cases() if case.truth == "held out" or "PSF" in case.patches.sources[0]]


def measure(recipe, cases, networks, *, seed=2026):
    """Return {name: {source: dB against the linear filter}} of networks of PyTorch, and of the shipped one."""
    shipped = {name: Trained(load_network(name, "cpu")) for name in (recipe["name"], f"{recipe['observable']}-linear")}
    found = {name: {} for name in [recipe["name"], *networks]}
    for case in cases:
        options = {"seed": seed, **case.optics}
        results = scores.evaluate(shipped, case.patches, case.noise, **options)
        linear = rms_of(results, f"{recipe['observable']}-linear")
        found[recipe["name"]] |= gains(rms_of(results, recipe["name"]), linear)
        results = evaluate(networks, case.patches, case.noise, **options)
        for name in networks:
            found[name] |= gains(rms_of(results, name), linear)
    return found


def rows_of(recipe, found):
    """Return the rows of a recipe, one for each source of truth."""
    first, *others = found.values()
    return [
        [recipe["name"], source, f"{gain:+.2f}", *(f"{other[source]:+.2f}" for other in others)]
        for source, gain in first.items()
    ]


def main():
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--recipes", nargs="+", default=["continuum-fast", "magnetogram-fast"])
    parser.add_argument("--out", type=Path, help="where the CSV file goes; default: nowhere")
    options = parser.parse_args()
    rows = [["network", "truth", "shipped [dB]", *(f"blur {low} to {high} [dB]" for low, high in RANGES)]]
    for name in options.recipes:
        networks = {}
        for blur in RANGES:
            recipe = read_recipe(name, changes={"patches.blur": list(blur)})
            networks[str(blur)], _, _ = train(recipe, None, device="cpu", patches=make_patches(recipe, options.data))
        rows += rows_of(recipe, measure(recipe, cases_of(recipe, options.data), networks))
    print_rows(rows)
    if options.out:
        write_rows(rows, options.out)


if __name__ == "__main__":
    main()
