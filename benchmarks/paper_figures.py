"""The figures of Diaz Baso & Asensio Ramos (2018), drawn from our results: small JPEGs, and PNGs of curves."""

import numpy as np
from frames import _QUIET_SUN
from paper_numbers import FINE, interpolated

from sunpy_enhance.optics import AiryPSF, degrade
from sunpy_enhance.training.dataset import HELD_OUT_SEEDS
from sunpy_enhance.training.sources import synthetic_truth
from sunpy_enhance.validation._figures import new_figure, show
from sunpy_enhance.validation.spectra import radial_power

FIELD = 1500  # gauss, as in the paper's figures


def save(figure, out, name):
    if name.endswith(".jpg"):
        figure.savefig(out / name, dpi=90, pil_kwargs={"quality": 85, "optimize": True})
    else:
        figure.savefig(out / name, dpi=90)


def _limits(kind, image):
    if kind == "magnetogram":
        return {"low": -FIELD, "high": FIELD}
    low, high = np.percentile(image, [0.2, 99.8])
    return {"low": low, "high": high}


def draw_psf_spectra(smap, scene, seen, scale, out):
    """Fig. 4: HMI, the scene, the scene degraded, and power spectra with both point spread functions."""
    figure = new_figure((11, 8))
    (a, b), (c, d) = figure.subplots(2, 2)
    limits = {"low": 0.85, "high": 1.15}
    side = round(50 / 0.504)
    show(a, smap.data[_QUIET_SUN], title="HMI, quiet Sun of AR 11158's frame", **limits)
    fine = round(50 / scene.plate_scale)
    show(b, scene.image[:fine, :fine], low=0.6, high=1.4, title="synthetic Sun, as drawn")
    show(c, seen["modified"][:side, :side], title="synthetic Sun as HMI sees it", **limits)
    d.semilogy(*radial_power(smap.data[_QUIET_SUN] / smap.data[_QUIET_SUN].mean(), 0.504), "k", label="HMI")
    for name, image in seen.items():
        d.semilogy(*radial_power(image, scale), label=f"synthetic, {name}")
    d.axhline((1e-3 * 0.504) ** 2, color="gray", linestyle=":", label="noise of 0.1 %")
    d.set(xlabel="spatial frequency [cycles/arcsec]", ylabel="power density [arcsec$^2$]")
    d.legend(fontsize="small")
    save(figure, out, "fig4.jpg")


def draw_validation(patches, kind, out):
    """Fig. 5: rows of input, result and target."""
    figure = new_figure((9, 3 * len(patches)))
    axes = figure.subplots(len(patches), 3)
    for row, (scene, seen, ours, truth) in zip(axes, patches, strict=True):
        limits = _limits(kind, truth)
        error = np.std(ours - truth)
        told = f"{100 * error:.2f} %" if kind == "continuum" else f"{error:.0f} G"
        show(row[0], seen, title=f"{scene}: HMI", **limits)
        show(row[1], ours, title=f"network, error {told}", **limits)
        show(row[2], truth, title="truth at 28 cm", **limits)
    save(figure, out, f"fig5-{kind}.jpg")


def draw_before_after(smap, enhanced, kind, out):
    """Figs. 6 and 7: AR 11158 before and after."""
    figure = new_figure((11, 5.6))
    axes = figure.subplots(1, 2)
    limits = _limits(kind, smap.data)
    if kind == "continuum":
        limits |= {"low": 0.15, "high": 1.2}
    show(axes[0], smap.data, title="HMI", **limits)
    image = show(axes[1], enhanced.data, title="network", **limits)
    label = "intensity / quiet Sun" if kind == "continuum" else "line-of-sight field [G]"
    figure.colorbar(image, ax=axes, label=label, shrink=0.8)
    save(figure, out, f"fig{6 if kind == 'continuum' else 7}.jpg")


def draw_scatter_and_spectra(smap, restored, out):
    """Fig. 8: field before against after, and power spectra with levels of white noise."""
    seen, ours = interpolated(smap), restored["network"].data
    figure = new_figure((12, 5))
    left, right = figure.subplots(1, 2)
    edges = (-2500, 2500)
    left.hexbin(seen.ravel(), ours.ravel(), bins="log", gridsize=120, extent=(*edges, *edges), mincnt=1)
    line = np.array(edges)
    for factor, style in ((1, "k-"), (2, "k:"), (0.5, "k:")):
        left.plot(line, factor * line, style, linewidth=0.8)
    left.set(xlabel="HMI, interpolated [G]", ylabel="network [G]", xlim=edges, ylim=edges)
    right.semilogy(*_per_pixel(seen), "k", label="HMI, interpolated")
    for name, one in restored.items():
        if name != "bicubic":
            right.semilogy(*_per_pixel(one.data.astype(float)), label=name)
    for sigma in (12, 75):
        right.axhline(sigma**2, color="gray", linestyle=":")
        right.annotate(f"white noise of {sigma} G", (0.5, sigma**2), ha="right", va="bottom", fontsize="small")
    right.set(xlabel="spatial frequency [1/pixel of 0.252 arcsec]", ylabel="power [G$^2$]")
    right.legend(fontsize="small")
    save(figure, out, "fig8.png")


def _per_pixel(image):
    frequency, power = radial_power(image, FINE)
    return frequency * FINE, power / FINE**2


def draw_plage(hmi, enhanced, out):
    """Fig. 9: plage of AR 11158 before and after; and synthetic plage with its truth."""
    figure = new_figure((12, 4.4))
    axes = figure.subplots(1, 3)
    limits = {"low": -1000, "high": 1000}
    part = np.s_[20:70, 60:130]
    fine = tuple(slice(2 * s.start, 2 * s.stop) for s in part)
    seen = hmi["magnetogram"].data
    show(axes[0], seen[part], title="HMI", **limits)
    image = show(axes[1], enhanced.data[fine], title="network", **limits)
    scene = synthetic_truth("magnetogram", "plage", seed=HELD_OUT_SEEDS)
    sharp = degrade(scene.image, AiryPSF(), scene.plate_scale, periodic=True)
    show(axes[2], sharp[:384, :530], title="synthetic plage at 28 cm", **limits)
    figure.colorbar(image, ax=axes, label="line-of-sight field [G]", shrink=0.8)
    save(figure, out, "fig9.jpg")


def draw_richardson_lucy(restored, out):
    """Fig. 10: the network, Richardson-Lucy, and their difference."""
    figure = new_figure((12, 8.4))
    axes = figure.subplots(2, 3)
    ours = restored["network"].data
    show(axes[0, 0], ours, low=-FIELD, high=FIELD, title="network")
    for column, name in enumerate(("Richardson-Lucy", "Richardson-Lucy, split"), start=1):
        theirs = restored[name].data
        image = show(axes[0, column], theirs, low=-FIELD, high=FIELD, title=name)
        change = show(axes[1, column], theirs - ours, low=-100, high=100, cmap="RdBu_r", title=f"{name} minus network")
    axes[1, 0].axis("off")
    figure.colorbar(image, ax=axes[0], label="G", shrink=0.8)
    figure.colorbar(change, ax=axes[1], label="G", shrink=0.8)
    save(figure, out, "fig10.jpg")
