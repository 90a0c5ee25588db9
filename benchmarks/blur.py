"""What it costs and what it brings not to rely on one point spread function: training with widths that vary.

Run ``python benchmarks/blur.py DATA [--recipes RECIPE ...] [--out docs/accuracy/blur.csv]``. DATA is the folder of the
recipes' files. A recipe's network is trained with each range of ``patches.blur`` below but its own, for which the
shipped one stands, and measured on held-out truth and where the point spread function is another one. All figures are
RMS errors in dB below those of the linear filter that is shipped. Ten minutes on one core for each recipe and range.
"""

import numpy as np
from options import of_trainings
from rows import print_rows

from sunpy_enhance._network import load_network
from sunpy_enhance.training.metrics import evaluate
from sunpy_enhance.training.recipe import make_patches, read_recipe
from sunpy_enhance.training.train import train
from sunpy_enhance.validation import scores
from sunpy_enhance.validation._methods import Trained
from sunpy_enhance.validation.scenes import Scenes

# Random factors on the width of the point spread function. That of Wachter et al. is about 0.9 times the assumed one.
RANGES = [(1.0, 1.0), (0.97, 1.02), (0.92, 1.06)]


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
    """Return {range: {source: dB against the linear filter}} of networks of PyTorch, and of the shipped one."""
    own, linear = str(tuple(recipe["patches"]["blur"])), f"{recipe['observable']}-linear"
    shipped = {own: Trained(load_network(recipe["name"], "cpu")), linear: Trained(load_network(linear, "cpu"))}
    found = {own: {}} | {name: {} for name in networks}
    for case in cases:
        options = {"seed": seed, **case.optics}
        results = scores.evaluate(shipped, case.patches, case.noise, **options)
        of_linear = rms_of(results, linear)
        found[own] |= gains(rms_of(results, own), of_linear)
        results = evaluate(networks, case.patches, case.noise, **options)
        for name in networks:
            found[name] |= gains(rms_of(results, name), of_linear)
    return found


def rows_of(name, found):
    """Return the rows of a recipe, one for each source of truth, with the ranges side by side."""
    columns = [found[str(blur)] for blur in RANGES]
    return [[name, source, *(f"{column[source]:+.2f}" for column in columns)] for source in columns[0]]


def main():
    """Print the table, and write it."""
    options = of_trainings(__doc__.splitlines()[0])
    rows = [["network", "truth", *(f"{low:g} to {high:g} [dB]" for low, high in RANGES)]]
    for name in options.recipes:
        recipe, networks = read_recipe(name), {}
        for blur in RANGES:
            if list(blur) != recipe["patches"]["blur"]:
                other = read_recipe(name, changes={"patches.blur": list(blur)})
                networks[str(blur)], _, _ = train(other, None, device="cpu", patches=make_patches(other, options.data))
        rows += rows_of(name, measure(recipe, cases_of(recipe, options.data), networks))
    print_rows(rows, options.out)


if __name__ == "__main__":
    main()
