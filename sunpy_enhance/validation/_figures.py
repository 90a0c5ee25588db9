"""Pages of figures; matplotlib is imported when one is drawn."""

import numpy as np

import astropy.units as u

from sunpy_enhance._hmi import pixel_sides

__all__ = ["benchmark_page", "check_page", "compare_page", "new_figure", "show"]


def new_figure(size):
    """Return a figure that pyplot does not keep."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def show(axes, data, *, low, high, cmap="gray", title=""):
    """Show an image, thinned to what a page can hold."""
    step = max(1, max(data.shape) // 1000)
    height, width = data.shape
    image = axes.imshow(
        data[::step, ::step],
        origin="lower",
        cmap=cmap,
        vmin=low,
        vmax=high,
        extent=(-0.5, width - 0.5, -0.5, height - 0.5),
        interpolation="nearest",
    )
    axes.set_title(title, fontsize="medium")
    return image


def check_page(found, figure=None):
    """Draw a `~sunpy_enhance.validation.Check`: both images, the residual, spectra and figures."""
    from matplotlib.transforms import blended_transform_factory

    magnetic = found.observable == "magnetogram"
    unit = str(found.smap.unit or "") if found.smap.unit is not None else ""
    figure = figure or new_figure((12, 8))
    mosaic = figure.subplot_mosaic("ABC;DEF")
    inner = found.smap.data[found.used]
    if magnetic:
        high = max(np.percentile(np.abs(inner), 99.5), u.G.to(found.smap.unit))
        low = -high
    else:
        low, high = np.percentile(inner, [0.1, 99.9])
    for key, one, title in (("A", found.smap, "HMI"), ("B", found.enhanced, found.model)):
        image = show(mosaic[key], one.data, low=low, high=high, title=title)
        mosaic[key].set(xlabel="x [pixel]", ylabel="y [pixel]")
    label = f"{found.observable} [{unit}]" if unit else found.observable
    figure.colorbar(image, ax=mosaic["B"], label=label, shrink=0.7)
    residual = found.residual.data
    spread = 4 * np.nanstd(residual)
    image = show(mosaic["C"], residual, low=-spread, high=spread, cmap="RdBu_r", title="re-degraded minus input")
    mosaic["C"].set(xlabel="x [pixel]")
    figure.colorbar(image, ax=mosaic["C"], label=unit, shrink=0.7)

    _draw_spectra(mosaic["D"], found)
    _draw_distribution(mosaic["E"], found)
    mosaic["F"].axis("off")
    text = str(found).replace(": residual", ":\nresidual")
    # At the page's right, and not in the layout: a long line would make the other panels narrow.
    place = {"transform": blended_transform_factory(figure.transSubfigure, mosaic["F"].transAxes), "ha": "right"}
    style = {"family": "monospace", "fontsize": 6.8, "multialignment": "left"}
    mosaic["F"].text(0.99, 1, text, va="top", in_layout=False, **place, **style)
    return figure


def _draw_spectra(axes, found):
    styles = {"before": ("HMI", "C0"), "after": (found.model, "C1"), "residual": ("residual", "C3")}
    for key, (label, colour) in styles.items():
        axes.semilogy(*found.spectra[key], label=label, color=colour)
    pixel = pixel_sides(found.smap)[0]
    axes.axhline((found.noise * pixel) ** 2, color="gray", linestyle=":", label="noise of the input")
    axes.set(xlabel="spatial frequency [cycles/arcsec]", ylabel="power density")
    axes.legend(fontsize="small")


def _draw_distribution(axes, found):
    values = found.normalised[found.used]
    reach = np.clip(np.percentile(np.abs(values), 99.9) / found.noise, 6, 100)
    edges = np.linspace(-reach, reach, 121)
    axes.hist(values / found.noise, edges, density=True, histtype="stepfilled", alpha=0.5, label="residual")
    axes.plot(edges, np.exp(-(edges**2) / 2) / np.sqrt(2 * np.pi), "k:", label="noise of the input")
    axes.set(xlabel="residual / noise", ylabel="density", yscale="log", ylim=(1e-4, 3))
    axes.legend(fontsize="small")


def benchmark_page(rows, observable, figure=None):
    """Draw the rows of a `~sunpy_enhance.validation.Benchmark`: gain over bicubic interpolation, and power."""
    sources = list(dict.fromkeys((row["truth"], row["row"]) for row in rows))
    methods = [name for name in dict.fromkeys(row["method"] for row in rows) if name != "bicubic"]
    found = {(row["truth"], row["row"], row["method"]): row for row in rows}
    panels = {
        "PSNR over that of bicubic [dB]": lambda one, base: one["psnr"] - base["psnr"],
        "power at 0.5-1 cycles/arcsec over the truth's": lambda one, base: one["power_1.0"],  # noqa: ARG005
        "residual / noise": lambda one, base: np.sqrt(one.get("chi_square", np.nan)),  # noqa: ARG005
    }
    figure = figure or new_figure((13, 1.2 + 0.32 * len(sources)))
    places = np.arange(len(sources))[::-1]
    for axes, (label, value) in zip(figure.subplots(1, 3, sharey=True), panels.items(), strict=True):
        for number, method in enumerate(methods):
            shift = 0.5 * (number - (len(methods) - 1) / 2) / max(len(methods), 1)
            values = [value(found[*source, method], found[*source, "bicubic"]) for source in sources]
            axes.plot(values, places - shift, "o", markersize=5, label=method)
        axes.set(xlabel=label)
        axes.grid(alpha=0.3)
        if label.startswith(("power", "residual")):
            axes.axvline(1, color="gray", linestyle=":")
    axes.set_yticks(places, [name if truth == "held out" else f"{name} (other)" for truth, name in sources])
    figure.axes[0].legend(fontsize="small")
    figure.suptitle(observable)
    return figure


def compare_page(found, figure=None):
    """Draw a `~sunpy_enhance.validation.Comparison`: both images, and one against the other."""
    ours, theirs = found.enhanced.data, found.reference.data
    a, b = theirs[found.used], ours[found.used]
    comparable = found.enhanced.unit is not None and found.enhanced.unit == found.reference.unit
    groups = {"enhanced": b, "reference": a}
    if comparable:
        groups = dict.fromkeys(groups, np.concatenate([a, b]))
    limits = {name: np.percentile(values, [0.1, 99.9]) for name, values in groups.items()}
    units = {"enhanced": str(found.enhanced.unit or ""), "reference": str(found.reference.unit or "")}
    figure = figure or new_figure((13, 4.4))
    axes = figure.subplots(1, 3)
    for one, data, name in ((axes[0], ours, "enhanced"), (axes[1], theirs, "reference")):
        low, high = limits[name]
        image = show(one, data, low=low, high=high, title=f"{name}, contrast {found.contrast[name]:.4g}")
        one.set(xlabel="x [pixel]")
        if name == "reference" or not comparable:
            figure.colorbar(image, ax=one, shrink=0.7, label=units[name])
    line, range_ = limits["reference"], limits["enhanced"]
    axes[2].hexbin(a, b, bins="log", extent=(*line, *range_), gridsize=60, cmap="viridis", mincnt=1)
    if comparable:
        axes[2].plot(line, line, "k:", label="equal")
        axes[2].set_aspect("equal")
    fitted = found.slope * line + found.intercept
    axes[2].plot(line, fitted, "C3", label=f"slope {found.slope:.4g}, correlation {found.correlation:.3f}")
    labels = {"xlabel": f"reference [{units['reference']}]", "ylabel": f"enhanced [{units['enhanced']}]"}
    axes[2].set(**labels, xlim=tuple(line), ylim=tuple(range_))
    axes[2].legend(fontsize="small")
    return figure
