"""How often the truth lies within the uncertainty where the Sun is of a kind that was not trained on.

Run ``python benchmarks/untrained.py DATA [--recipes RECIPE ...] [--out docs/uncertainty/untrained.csv]``. DATA is the
folder of the recipes' files. For each group of sources below, a recipe's network and head are trained and calibrated
without any patch of them, and what is covered is counted on their held-out patches; beside it the network as it is
shipped, which knows them. A quarter of an hour on one core for each group.
"""

import copy

import numpy as np
from options import of_trainings
from rows import print_rows

from sunpy_enhance._network import load_network
from sunpy_enhance.training.calibration import calibrate, calibration_patches, coverage
from sunpy_enhance.training.recipe import make_patches, read_recipe
from sunpy_enhance.training.train import train
from sunpy_enhance.training.uncertainty import train_head

# Sources that go together: the same telescope's, or the same painter's.
GROUPS = {
    "continuum": [["SST quiet Sun", "SST sunspot"]],
    "magnetogram": [["ME sunspot"], ["synthetic spot", "synthetic bipole", "synthetic delta"]],
}
_HEADING = ["network", "truth", "RMS error, trained on it = 1"]
_HEADING += [f"within {k} sigma, {which} [%]" for which in ("trained on it", "not trained on it") for k in (1, 2)]


def without(recipe, group):
    """Return a recipe that draws no scenes of some synthetic sources."""
    recipe = copy.deepcopy(recipe)
    entries = recipe.table.get("synthetic", [])
    recipe.table["synthetic"] = [entry for entry in entries if f"synthetic {entry['kind']}" not in group]
    return recipe


def rows_of(recipe, patches, group, *, progress=True):
    """Train without a group; return a row for each of its sources that something is held out of."""
    others = patches[0].select(~np.isin(patches[0].sources, group))
    unknown = patches[1].select(np.isin(patches[1].sources, group))
    lacking, card = without(recipe, group), load_network(recipe["name"], "cpu").card
    network, _, metrics = train(lacking, None, device="cpu", patches=(others, unknown), progress=progress)
    head = train_head(lacking, network, others, progress=progress)
    calibrate(lacking, network, head, calibration_patches(lacking, others))
    found = coverage(lacking, network, head, unknown)
    rows = []
    for source in sorted(set(unknown.sources)):
        parts = [which[source]["all"][f"within_{k}"] for which in (card.uncertainty["coverage"], found) for k in (1, 2)]
        rms = metrics[source][recipe["name"]]["rms"] / card.metrics[source][recipe["name"]]["rms"]
        rows.append([recipe["name"], source, f"{rms:.3f}", *(f"{100 * part:.1f}" for part in parts)])
    return rows


def main():
    """Print the table, and write it."""
    options = of_trainings(__doc__.splitlines()[0])
    rows = [_HEADING]
    for name in options.recipes:
        recipe = read_recipe(name)
        patches = make_patches(recipe, options.data)
        for group in GROUPS[recipe["observable"]]:
            rows += rows_of(recipe, patches, group)
    print_rows(rows, options.out)


if __name__ == "__main__":
    main()
