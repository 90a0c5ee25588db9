"""The open benchmark: how near a method gets to truth that nobody trained on."""

import csv
import dataclasses
import json
import numbers
from pathlib import Path

from sunpy_enhance.validation._methods import methods_of
from sunpy_enhance.validation._tables import cells, columns

__all__ = ["Benchmark", "benchmark"]

# Input pixels around a patch that have the same noise whatever the methods see of it: the halo of the shipped networks.
_FRAME = 30


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """What `benchmark` found.

    Attributes
    ----------
    rows : list of dict
        One for each observable, source of truth and method: ``observable``, ``truth`` ("held out" or "other"),
        ``row`` (the source), ``method``, and the figures of `sunpy_enhance.validation.scores.evaluate`.
    settings : dict
        What it was run with.
    """

    rows: list
    settings: dict

    def table(self, observable):
        """Return the table of an observable as lists of str, a heading first.

        Parameters
        ----------
        observable : {"continuum", "magnetogram"}

        Returns
        -------
        list of list of str
        """
        rows = [row for row in self.rows if row["observable"] == observable]
        wanted = {key: column for key, column in columns(observable).items() if any(key in row for row in rows)}
        own = ("truth", "row", "method")
        lines = [[*(row[key] for key in own), *cells(row, wanted)] for row in rows]
        return [[*own, *(name for name, _, _ in wanted.values())], *lines]

    @property
    def observables(self):
        """The observables, in the order of the rows."""
        return list(dict.fromkeys(row["observable"] for row in self.rows))

    def to_markdown(self):
        """Return all tables as Markdown.

        Returns
        -------
        str
        """
        lines = []
        for observable in self.observables:
            first, *rest = self.table(observable)
            shown = [first, ["---"] * len(first), *rest]
            lines += [f"## {observable}", "", *(f"| {' | '.join(one)} |" for one in shown), ""]
        return "\n".join(lines)

    def plot(self, observable, figure=None):
        """Draw how much better than bicubic interpolation the methods are, and how much power they restore.

        Parameters
        ----------
        observable : {"continuum", "magnetogram"}
        figure : matplotlib.figure.Figure, optional
            An empty one to draw on; by default a new one, which pyplot does not know of.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from sunpy_enhance.validation._figures import benchmark_page

        return benchmark_page([row for row in self.rows if row["observable"] == observable], observable, figure)

    def write(self, folder):
        """Write OBSERVABLE.csv and OBSERVABLE.png, benchmark.md, and every figure in benchmark.json.

        Parameters
        ----------
        folder : path
            Made if it does not exist.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for observable in self.observables:
            with (folder / f"{observable}.csv").open("w", encoding="utf-8", newline="") as stream:
                csv.writer(stream, lineterminator="\n").writerows(self.table(observable))
            self.plot(observable).savefig(folder / f"{observable}.png", dpi=90, format="png")
        (folder / "benchmark.md").write_text(self.to_markdown(), encoding="utf-8")
        text = json.dumps(dataclasses.asdict(self), indent=1)
        (folder / "benchmark.json").write_text(text + "\n", encoding="utf-8")


def benchmark(
    models=None, *, observable=None, data=None, patches=60, seed=2026, other=True, device="cpu", progress=False
):
    """Measure methods of deconvolution with twofold super-resolution on truth that no training has seen.

    The truth is sharper than the telescope of 28 cm that is aimed at. From it come the input, as HMI would have
    recorded it, with noise; and the target, as the telescope of 28 cm would have. Always there is the synthetic Sun, in
    scenes by seeds that no training takes; with `data` also what the recipes hold out of their files. Places, angles,
    sub-pixel phases and noise are decided by the seed alone, so that tables can be compared.

    Parameters
    ----------
    models : iterable of str or path, or dict, optional
        Names of networks, paths of ONNX files, or "richardson-lucy" (minutes). A dict of names to them, or to
        functions that take an image (y, x), float32, in units of the quiet Sun or in gauss, and return (2y, 2x), or
        that and its standard deviation; a function may have a ``halo``, the input pixels that it needs around a patch.
        Default: all shipped networks. Bicubic interpolation and the linear filter are always added.
    observable : {"continuum", "magnetogram"}, optional
        Of which truth; needed for functions. Default: whatever the networks are for. A network that is given has to be
        for it.
    data : path, optional
        The folder of the files of the recipes ``continuum`` and ``magnetogram``.
    patches : int, optional
        Of each source, 48 by 48 input pixels.
    seed : int, optional
        Of places, angles, phases and noise.
    other : bool, optional
        Whether to add the Sun at mu = 0.7, and conditions that no training has seen: larger structures, twice the noise
        and less of it, and other point spread functions than the one that the networks remove.
    device : {"auto", "cuda", "cpu"}, optional
        Where the networks run.
    progress : bool, optional
        Show a progress bar.

    Returns
    -------
    Benchmark

    Raises
    ------
    TypeError
        Where `models` is a function without a name, or neither names nor paths.
    ValueError
        Where a model or an observable is unknown, a function comes without `observable` or a network for another one,
        two models have one name or one has that of a method that is added, or `patches` or `seed` cannot be used.
    FileNotFoundError
        Where `data` lacks a file of the recipes.
    ImportError
        Where scikit-image is not installed: ``pip install 'sunpy_enhance[benchmark]'``.

    Examples
    --------
    >>> from sunpy_enhance.validation import benchmark
    >>> found = benchmark(["continuum-fast"], patches=2, other=False)  # doctest: +SKIP
    >>> print(found.to_markdown())  # doctest: +SKIP
    """
    from tqdm import tqdm

    from sunpy_enhance.training.recipe import read_recipe
    from sunpy_enhance.validation.scenes import Scenes
    from sunpy_enhance.validation.scores import evaluate, structural_similarity

    _check_integer("patches", patches, 1)
    _check_integer("seed", seed, 0)
    structural_similarity()  # to say at once that it is missing
    rows = []
    for kind, methods in methods_of(models, observable, device).items():
        recipe = read_recipe(kind)
        halo = max(method.halo for method in methods.values())
        scenes = Scenes(recipe, data, number=patches, halo=halo, seed=seed)
        cases = scenes.cases() if other else [scenes.held_out()]
        for case in tqdm(cases, desc=kind, unit="case", disable=not progress):
            seen = {name: method.at(case.mu) for name, method in methods.items()}
            results = evaluate(seen, case.patches, case.noise, seed=seed, frame=_FRAME, **case.optics)
            for source, by_method in results.items():
                same = {"observable": kind, "truth": case.truth, "row": source}
                rows += [same | {"method": name} | by_method[name] for name in [*methods, "bicubic"]]
    # Python's own numbers: JSON does not know NumPy's.
    settings = {"patches": int(patches), "seed": int(seed), "data": data is not None, "other": bool(other)}
    return Benchmark(rows, settings)


def _check_integer(name, value, least):
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        msg = f"{name} is {value!r}, expected an integer of at least {least}"
        raise ValueError(msg)
