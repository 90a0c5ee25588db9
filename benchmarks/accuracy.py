"""How accurate the networks are: one table, and the targets held against it.

Run ``python benchmarks/accuracy.py DATA [--models NAME|FILE ...] [--outdir docs/accuracy]``.
DATA is the folder of the recipes' files, with the real frames in ``hmi/``. Prints Markdown; with ``--outdir`` it also
writes the tables as CSV, which docs/accuracy.rst shows, and every figure as JSON. A few minutes on one core.
"""

import argparse
import importlib.resources
import tempfile
from pathlib import Path

import numpy as np
from flicker import flicker_rows
from frames import AR_11158, flat_frame, frame_figures, noise_out, real_frames, restore
from tables import print_markdown, write_files
from targets import check_targets
from tqdm import tqdm

from sunpy_enhance import available_models
from sunpy_enhance._network import load_network
from sunpy_enhance.models import resolve
from sunpy_enhance.training.cost import graph_cost
from sunpy_enhance.training.export import export
from sunpy_enhance.training.networks import Hybrid
from sunpy_enhance.training.recipe import read_recipe
from sunpy_enhance.validation import benchmark
from sunpy_enhance.validation.scenes import Scenes

_RECIPES = importlib.resources.files("sunpy_enhance.training") / "recipes"
_PLAIN = "15x15 linear"


def choose(models):
    """Return {observable: {name: path}} of the networks to measure."""
    paths = {Path(model).stem: resolve(model) for model in models or available_models()}
    chosen = {}
    for name, path in paths.items():
        chosen.setdefault(load_network(path, "cpu").card.observable, {})[name] = path
    for observable, those in chosen.items():
        those.setdefault(f"{observable}-linear", resolve(f"{observable}-linear"))
    return chosen


def fit_plain_filter(recipe, patches, path):
    """Fit a plain linear filter of 15x15 input pixels by least squares, without the coarse kernel of ours."""
    magnetic = recipe["observable"] == "magnetogram"
    network = Hybrid(channels=0, wide=0, narrow=15, odd=magnetic, constant=1000.0 if magnetic else 1.0)
    noise = np.random.default_rng(recipe["seed"]).normal(0, recipe["noise"], patches.inputs.shape)
    noisy = (patches.inputs + noise).astype(np.float32)
    network.linear.fit(noisy / network.constant, patches.targets / network.constant)
    export(recipe, network.eval(), {}, path, mu_validated=0.0)
    return path


def _cost(path):
    parameters, multiply_adds = graph_cost(path)
    return {"parameters": parameters, "multiply_adds": multiply_adds}


def measure(observable, paths, options, folder, tables):
    """Fill the tables with the rows of an observable."""
    recipe = read_recipe(_RECIPES / f"{observable}.toml")
    halo = max(load_network(path, "cpu").card.halo for path in paths.values())
    training = Scenes(recipe, options.data, number=options.patches, halo=halo, seed=options.seed).training()
    paths = paths | {_PLAIN: fit_plain_filter(recipe, training, folder / f"{observable}.onnx")}
    costs = {name: _cost(path) for name, path in paths.items()}
    models = paths | {"bicubic": None}

    def add(table, method, **values):
        tables[table].append({"observable": observable, "method": method} | values | costs.get(method, {}))

    found = benchmark(paths, data=options.data, patches=options.patches, seed=options.seed, device="cpu", progress=True)
    for row in found.rows:
        add("patches", **row)
    for row, (smap, level) in real_frames(options.data, observable).items():
        for method, model in tqdm(models.items(), desc=f"{observable}, {row}"):
            card = load_network(model or paths[_PLAIN], "cpu").card
            add("frames", method, row=row, **frame_figures(restore(smap, model), smap, card, level=level))
    image = flat_frame(observable, recipe["noise"])
    for method, model in models.items():
        out, bias = noise_out(image, model)
        add("noise", method, row="flat", noise_in=float(image.std(dtype=float)), noise_out=out, bias=bias)
    tables["flicker"] += flicker_rows(observable, models)


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--models", nargs="+", help="names or .onnx files; default: all shipped ones")
    parser.add_argument("--outdir", type=Path, help="where CSV and JSON go; default: nowhere")
    parser.add_argument("--patches", type=int, default=60, help="of each source")
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args()
    tables = {"patches": [], "frames": [], "noise": [], "flicker": []}
    with tempfile.TemporaryDirectory() as folder:
        for observable, paths in choose(options.models).items():
            measure(observable, paths, options, Path(folder), tables)
    region = [row for row in tables["frames"] if row["row"] == AR_11158]
    tables["targets"] = check_targets(tables["patches"], region, tables["noise"])
    print_markdown(tables)
    if options.outdir:
        write_files(tables, options.outdir)


if __name__ == "__main__":
    main()
