"""The figures and numbers of Diaz Baso & Asensio Ramos (2018) beside ours: what docs/paper.rst shows.

Run ``python benchmarks/paper.py DATA [--outdir docs/paper] [--continuum NAME|FILE] [--magnetogram NAME|FILE]``.
DATA is the folder of the recipes' files, with AR 11158 in ``hmi/``. Some minutes on one core.
"""

import argparse
from pathlib import Path

import numpy as np
from frames import active_region
from paper_figures import (
    draw_before_after,
    draw_plage,
    draw_psf_spectra,
    draw_richardson_lucy,
    draw_scatter_and_spectra,
    draw_validation,
)
from paper_numbers import continuum_rows, iteration_rows, magnetogram_rows, psf_rows
from rows import print_rows
from tqdm import tqdm

from sunpy_enhance import enhance_map, richardson_lucy
from sunpy_enhance.optics import AiryPSF, WachterPSF, degrade
from sunpy_enhance.training.dataset import HELD_OUT_SEEDS
from sunpy_enhance.training.patches import sample_patches
from sunpy_enhance.training.sources import synthetic_truth
from sunpy_enhance.validation import bicubic
from sunpy_enhance.validation._methods import Trained

# Enough for the residual that the paper has.
ITERATIONS = 100


def restore(smap, model):
    """Return {method: Map} of a frame."""
    kind = "magnetogram" if smap.measurement == "magnetogram" else "continuum"
    methods = {
        "network": lambda: enhance_map(smap, model=model, device="cpu"),
        "linear filter": lambda: enhance_map(smap, model=f"{kind}-linear", device="cpu"),
        "Richardson-Lucy": lambda: richardson_lucy(smap, iterations=ITERATIONS),
    }
    if kind == "magnetogram":
        methods["Richardson-Lucy, split"] = lambda: richardson_lucy(smap, iterations=ITERATIONS, signed="split")
    methods["bicubic"] = lambda: bicubic(smap)
    return {name: method() for name, method in tqdm(methods.items(), desc=kind)}


def validation_patches(kind, model, *, size=96, noise):
    """Return (input, result, target) of held-out synthetic scenes, as many pixels as shown."""
    from sunpy_enhance._network import load_network

    method = Trained(load_network(model, "cpu"))
    shown = []
    for scene in ("quiet", "spot", "pores") if kind == "continuum" else ("plage", "spot", "mixed"):
        truth = synthetic_truth(kind, scene, seed=HELD_OUT_SEEDS)
        rng = np.random.default_rng(4)
        optics = {"psf": WachterPSF(), "target": AiryPSF(), "plate_scale": 0.504}
        patches = sample_patches(truth, 12, size=size, halo=method.halo, rng=rng, turn=True, **optics)
        # The patch with most in it.
        one = int(np.argmax(patches.targets.std(axis=(1, 2))))
        noisy = patches.inputs[one] + rng.normal(0, noise, patches.inputs[one].shape).astype(np.float32)
        inner = noisy[method.halo : -method.halo, method.halo : -method.halo]
        result = method(noisy[None])
        enhanced = result[0] if isinstance(result, tuple) else result  # without its sigma
        shown.append((scene, inner, enhanced[0], patches.targets[one]))
    return shown


def quiet_scene():
    """Return the synthetic quiet Sun, and what HMI sees of it with both point spread functions, at 0.504 arcsec."""
    truth = synthetic_truth("continuum", "quiet", seed=HELD_OUT_SEEDS)
    psfs = {"Wachter et al. (2012)": WachterPSF(omega=1.8, width=3.0), "modified": WachterPSF()}
    step = round(0.504 / truth.plate_scale)
    rng = np.random.default_rng(0)
    seen = {}
    for name, psf in psfs.items():
        image = degrade(truth.image, psf, truth.plate_scale, periodic=True)[::step, ::step]
        seen[name] = image + rng.normal(0, 1e-3, image.shape)
    return truth, seen, step * truth.plate_scale


def write_table(path, heading, rows):
    table = [[*map(str, row)] for row in (heading, *rows)]
    print_rows(table, path)
    print()


def main():
    """Write the figures and the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--outdir", type=Path, default=Path("docs/paper"))
    parser.add_argument("--continuum", default="continuum", help="the network; default: the shipped one")
    parser.add_argument("--magnetogram", default="magnetogram")
    options = parser.parse_args()
    out = options.outdir
    out.mkdir(parents=True, exist_ok=True)
    models = {"continuum": options.continuum, "magnetogram": options.magnetogram}
    hmi = {kind: active_region(options.data, kind) for kind in models}
    restored = {kind: restore(hmi[kind], model) for kind, model in models.items()}

    scene, seen, scale = quiet_scene()
    write_table(
        out / "psf.csv", ["frequency", "Wachter et al. (2012)", "modified"], psf_rows(hmi["continuum"], seen, scale)
    )
    methods = [*restored["magnetogram"]]
    rows = continuum_rows(hmi["continuum"], restored["continuum"])
    rows += magnetogram_rows(hmi["magnetogram"], restored["magnetogram"], hmi["continuum"])
    table = [[one["quantity"], one["paper"], *(one.get(name, "") for name in ("HMI", *methods))] for one in rows]
    write_table(out / "numbers.csv", ["quantity", "paper", "HMI", *methods], table)
    heading = ["made positive by", "iterations", "residual, interpolated pixels", "residual, HMI's pixels"]
    heading += ["white noise [G]", "quiet pixels [G]", "strongest [G]"]
    write_table(out / "richardson-lucy.csv", heading, iteration_rows(hmi["magnetogram"]))

    draw_psf_spectra(hmi["continuum"], scene, seen, scale, out)
    for kind, noise in (("continuum", 1e-3), ("magnetogram", 10.0)):
        draw_validation(validation_patches(kind, models[kind], noise=noise), kind, out)
        draw_before_after(hmi[kind], restored[kind]["network"], kind, out)
    draw_scatter_and_spectra(hmi["magnetogram"], restored["magnetogram"], out)
    draw_plage(hmi, restored["magnetogram"]["network"], out)
    draw_richardson_lucy(restored["magnetogram"], out)


if __name__ == "__main__":
    main()
