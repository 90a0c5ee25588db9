"""How often the truth lies within the uncertainty: tables, a reliability diagram, and the way to the limb.

Run ``python benchmarks/uncertainty.py DATA [--models NAME|FILE ...] [--outdir docs/uncertainty]``.
DATA is the folder of the recipes' files. Prints what is covered by one and two standard deviations, for each network
that tells its error, each source and each regime; beside it the linear filter with the best constant for each regime.
With ``--outdir`` it writes the table as CSV and the figures as PNG, and the targets with what the cards have, and what
``untrained.csv`` in that folder has where ``benchmarks/untrained.py`` wrote it. A few minutes on one core.
"""

import argparse
import csv
import importlib.resources
from pathlib import Path

import numpy as np
from rows import print_rows, write_rows
from targets import as_text, check_coverage

from sunpy_enhance import available_models
from sunpy_enhance._network import load_network
from sunpy_enhance.models import resolve
from sunpy_enhance.training.calibration import best_factor, count
from sunpy_enhance.training.recipe import read_recipe
from sunpy_enhance.validation._methods import Trained
from sunpy_enhance.validation.regimes import regimes
from sunpy_enhance.validation.scenes import Scenes
from sunpy_enhance.validation.scores import crop

_RECIPES = importlib.resources.files("sunpy_enhance.training") / "recipes"
# Standard deviations at which the reliability diagram is drawn, and what a Gaussian covers with them.
_MULTIPLES = np.linspace(0, 3, 61)
_BINS = 24
_UNITS = {"continuum": "quiet Sun", "magnetogram": "G"}


def run(method, patches, noise, seed):
    """Return what a method makes of noisy patches, and its sigma where it tells one."""
    rng = np.random.default_rng([seed, 2])
    noisy = patches.inputs + rng.normal(0, noise, patches.inputs.shape).astype(np.float32)
    return method(crop(noisy, patches.halo - method.halo))


def cases_of(scenes):
    """Yield (truth, source, patches, noise, mu) of the benchmark's cases."""
    for case in scenes.cases():
        sources = np.array(case.patches.sources)
        for source in dict.fromkeys(case.patches.sources):
            yield case.truth, source, case.patches.select(sources == source), case.noise, case.mu


def constants(linear, scenes, noise, seed, observable):
    """Return the linear filter's best constant for each regime, found on scenes of the training."""
    patches = scenes.training()
    restored = run(linear, patches, noise, seed)
    errors = np.abs(restored - patches.targets)
    found = {}
    for name, where in regimes(restored, observable).items():
        scale = errors[where].std() or 1.0
        found[name] = scale * best_factor(errors[where] / scale)
    return found


def constant_sigma(restored, found, observable):
    """Return the linear filter's sigma: one constant in each regime."""
    sigma = np.empty_like(restored)
    for name, where in regimes(restored, observable).items():
        sigma[where] = found[name]
    return sigma


def measure(observable, models, options, rows, drawn):
    """Fill the rows of the table, and what the diagram draws: {model: {source: (errors, sigma)}}."""
    recipe = read_recipe(_RECIPES / f"{observable}.toml")
    linear = Trained(load_network(f"{observable}-linear", "cpu"))
    networks = {name: Trained(load_network(path, "cpu")) for name, path in models.items()}
    halo = max(method.halo for method in [linear, *networks.values()])
    scenes = Scenes(recipe, options.data, number=options.patches, halo=halo, seed=options.seed)
    found = constants(linear, scenes, recipe["noise"], options.seed, observable)
    for truth, source, patches, noise, mu in cases_of(scenes):
        results = {name: run(network.at(mu), patches, noise, options.seed) for name, network in networks.items()}
        restored = run(linear, patches, noise, options.seed)
        results[f"{observable}-linear, constant"] = restored, constant_sigma(restored, found, observable)
        for name, (enhanced, sigma) in results.items():
            errors = enhanced - patches.targets
            where = {"all": np.ones(sigma.shape, bool), **regimes(enhanced, observable)}
            for regime, counted in count(observable, enhanced, errors, sigma).items():
                rows.append(
                    {"observable": observable, "network": name, "truth": truth, "source": source, "regime": regime}
                    | {"pixels": counted["pixels"]}
                    | {f"within {k} sigma [%]": f"{100 * counted[f'within_{k}']:.1f}" for k in (1, 2)}
                    | {f"median sigma [{_UNITS[observable]}]": f"{np.median(sigma[where[regime]]):.4g}"}
                )
            if truth == "held out":
                drawn.setdefault(name, {})[source] = np.abs(errors).ravel(), sigma.ravel()


def reliability(drawn, unit, path):
    """Draw, for each network, what is covered against what a Gaussian would cover, and the error against sigma."""
    from matplotlib.figure import Figure
    from scipy.stats import norm

    figure = Figure(figsize=(9, 4.3 * len(drawn)), layout="constrained")
    panels = np.atleast_2d(figure.subplots(len(drawn), 2))
    for (left, right), (name, sources) in zip(panels, drawn.items(), strict=True):
        left.plot([0, 1], [0, 1], color="0.7")
        ends = []
        for source, (errors, sigma) in sources.items():
            ratios = np.sort(errors / sigma)
            covered = np.searchsorted(ratios, _MULTIPLES) / ratios.size
            style = "--" if source.startswith("synthetic") else "-"
            left.plot(2 * norm.cdf(_MULTIPLES) - 1, covered, style, label=source)
            order = np.argsort(sigma)
            parts = [part for part in np.array_split(order, _BINS) if part.size]
            x = [np.median(sigma[part]) for part in parts]
            y = [np.quantile(errors[part], 0.6827) for part in parts]
            right.loglog(x, y, style, marker=".")
            ends += [min(x), max(x)]
        right.loglog([min(ends), max(ends)], [min(ends), max(ends)], color="0.7")
        left.set(title=name, xlabel="covered by a Gaussian", ylabel="covered")
        right.set(xlabel=f"sigma [{unit}]", ylabel=f"68.3 % of errors are below [{unit}]")
        right.tick_params("x", which="both", labelrotation=45)
        left.legend(fontsize="x-small")
    figure.savefig(path, dpi=110)


def towards_limb(card, path):
    """Draw error and coverage against mu, from the card."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    points = {}
    for source, methods in card.metrics.items():
        if source.startswith("mu = "):
            mu, _, kind = source.removeprefix("mu = ").partition(", ")
            points.setdefault(kind, []).append((float(mu), methods, card.uncertainty["coverage"][source]["all"]))
    for colour, (kind, some) in zip(("tab:blue", "tab:red", "tab:green"), points.items(), strict=False):
        mu = [point[0] for point in some]
        for method, style in ((card.name, "-"), ("linear", "--"), ("bicubic", ":")):
            rms = [methods[method]["rms"] for _, methods, _ in some]
            left.plot(mu, rms, style, color=colour, label=f"{kind}: {method}")
        for k, style in ((1, "-"), (2, "--")):
            covered = [100 * counted[f"within_{k}"] for _, _, counted in some]
            right.plot(mu, covered, style, color=colour, label=f"{kind}: {k} sigma")
    for level in (68.27, 95.45):
        right.axhline(level, color="0.7")
    for panel in (left, right):
        panel.axvline(card.mu_validated, color="0.7", linestyle=":")
        panel.set_xlabel("mu")
        panel.invert_xaxis()
        panel.legend(fontsize="x-small")
    left.set(ylabel=f"RMS error [{card.unit or 'quiet Sun'}]", title=card.name)
    right.set(ylabel="within [%]")
    figure.savefig(path, dpi=110)


def targets(paths, outdir):
    """Return the rows of the targets."""
    untrained = outdir / "untrained.csv" if outdir else None
    rows = []
    if untrained and untrained.exists():
        with untrained.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
    told = check_coverage({name: load_network(path, "cpu").card.uncertainty["coverage"] for name, path in paths}, rows)
    return as_text(told, ["network", "truth", "regime or source", "required within 1 / 2 sigma [%]", "found [%]"])


def main():
    """Print the table, and write it and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--models", nargs="+", help="names or .onnx files; default: all that tell their error")
    parser.add_argument("--outdir", type=Path, help="where CSV and PNG go; default: nowhere")
    parser.add_argument("--patches", type=int, default=60, help="of each source")
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args()
    paths = {Path(model).stem: resolve(model) for model in options.models or available_models()}
    chosen = {}
    for name, path in paths.items():
        card = load_network(path, "cpu").card
        if card.uncertainty is not None:
            chosen.setdefault(card.observable, {})[name] = path
    if not chosen:
        parser.error("none of the networks tells its error: name one with --models")
    for observable, models in chosen.items():
        rows, drawn = [], {}
        measure(observable, models, options, rows, drawn)
        table = [[*rows[0]], *([*map(str, row.values())] for row in rows)]
        print_rows(table)
        if options.outdir:
            write_rows(table, options.outdir / f"{observable}.csv")
            reliability(drawn, _UNITS[observable], options.outdir / f"{observable}-reliability.png")
            towards_limb(
                load_network(models.get(observable) or next(iter(models.values())), "cpu").card,
                options.outdir / f"{observable}-limb.png",
            )
    table = targets([one for models in chosen.values() for one in models.items()], options.outdir)
    print_rows(table, options.outdir / "targets.csv" if options.outdir else None)


if __name__ == "__main__":
    main()
