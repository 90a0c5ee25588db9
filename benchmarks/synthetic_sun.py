"""The synthetic Sun beside the real one: pictures, power spectra and a table of statistics.

Run ``python benchmarks/synthetic_sun.py DATA [--outdir DIR]``.
DATA holds ``highres/*.fits`` and ``hmi/*.fits``. Prints a Markdown table; writes ``synthetic_scenes.jpg`` (truth
and what HMI sees, synthetic and real) and ``synthetic_spectra.png``.
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
from rows import print_rows
from scipy import ndimage

from astropy.io import fits

from sunpy_enhance.optics import AiryPSF, WachterPSF, degrade
from sunpy_enhance.training.synthetic import PLATE_SCALE, synthetic_sun

mpl.use("Agg")
import matplotlib.pyplot as plt

# HMI's pixel in pixels of a scene, and its noise in gauss (720 s; Liu et al. 2012, Sol. Phys. 279, 295).
PIXEL, NOISE = 8, 6.3
SEEDS = range(20, 24)


def as_hmi(scene):
    continuum, field = (
        degrade(i, WachterPSF(), PLATE_SCALE, periodic=True)[::PIXEL, ::PIXEL] for i in (scene.continuum, scene.field)
    )
    return continuum, field + NOISE * np.random.default_rng(0).standard_normal(field.shape)


def real_pairs(data):
    pairs = [tuple(fits.getdata(data / f"hmi/ar11158_{o}_200x200.fits") for o in ("continuum", "magnetogram"))]
    for path in sorted(data.glob("hmi/hmi.sharp*.magnetogram.fits")):
        field = fits.open(path)[-1].data
        continuum = fits.open(path.with_name(path.name.replace("magnetogram", "continuum")))[-1].data
        pairs.append((continuum / np.median(continuum[np.abs(field) < 20]), field))
    return pairs


def regimes(pairs):
    """Fields (G) and intensities of each regime: what surrounds a pixel says which."""
    found = {name: ([], []) for name in ("quiet", "network", "plage", "penumbra", "umbra")}
    for continuum, field in pairs:
        level = ndimage.gaussian_filter(np.abs(field), 6)
        bright = (continuum > 0.92) & ~ndimage.binary_dilation(continuum < 0.85, iterations=6)
        masks = {
            "quiet": bright & (level < 15),
            "network": bright & (level > 20) & (level < 60),
            "plage": bright & (level > 80) & (level < 400),
            "penumbra": ndimage.binary_opening((continuum >= 0.5) & (continuum < 0.9)),
            "umbra": continuum < 0.5,
        }
        for name, mask in masks.items():
            found[name][0].append(np.abs(field[mask]))
            found[name][1].append(continuum[mask])
    return {name: tuple(np.concatenate(part) for part in parts) for name, parts in found.items()}


def table(synthetic, real):
    rows = [["regime", "", "median of abs(B)", "90 %", "99 %", "above 100 G", "above 500 G", "mean intensity"]]
    for name in real:
        for who, found in (("synthetic", synthetic), ("HMI", real)):
            field, continuum = found[name]
            gauss = [f"{value:.0f} G" for value in np.percentile(field, [50, 90, 99])]
            above = [f"{100 * np.mean(field > 100):.1f} %", f"{100 * np.mean(field > 500):.2f} %"]
            rows.append([name, who, *gauss, *above, f"{continuum.mean():.3f}"])
    print_rows(rows)
    ratio = [len(found["penumbra"][0]) / len(found["umbra"][0]) for found in (synthetic, real)]
    print(f"\nPenumbra over umbra (area): synthetic {ratio[0]:.1f}, HMI {ratio[1]:.1f}\n")


def power(image, scale):
    """Azimuthal mean in bins of 0.1 cycles/arcsec, in arcsec^2."""
    image = image - image.mean()
    spectrum = np.abs(np.fft.fft2(image)) ** 2 / image.size * scale**2
    q = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, scale) for n in image.shape), indexing="ij"))
    edges = np.arange(0, min(3.0, 0.5 / scale), 0.1)
    return edges[:-1] + 0.05, np.histogram(q, edges, weights=spectrum)[0] / np.histogram(q, edges)[0]


def window(image):
    """Without its borders' jump."""
    taper = np.outer(*(np.hanning(n) for n in image.shape))
    return (image - image.mean()) * taper / np.sqrt(np.mean(taper**2))


def statistics(name, image):
    image = image / image.mean()
    skewness = np.mean((image - 1) ** 3) / image.std() ** 3
    return [name, f"{100 * image.std():.1f} %", f"{skewness:+.2f}"]


def spectra(data, scenes, outdir):
    sst = fits.getdata(data / "highres/sst_crisp_quiet_sun_20190801.fits").astype(float)
    sst = 1 + 3.1 * (sst / sst.mean() - 1)
    hmi = fits.getdata(data / "hmi/ar11158_continuum_200x200.fits")[150:200, 50:150].astype(float)
    sharp = [s.continuum for s in scenes]
    panels = {
        "48 km": (None, (sst, 0.059)),
        "28 cm": (AiryPSF(), (degrade(sst, AiryPSF(), 0.059), 0.059)),
        "HMI": (WachterPSF(), (hmi, 0.504)),
    }
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), sharey=True)
    rows = [["quiet Sun", "contrast", "skewness"]]
    for axis, (name, (psf, (image, scale))) in zip(axes, panels.items(), strict=True):
        seen = [degrade(i, psf, PLATE_SCALE, periodic=True) if psf else i for i in sharp]
        rows += [statistics(f"{name}, synthetic", np.concatenate(seen)), statistics(f"{name}, real", image)]
        q, found = power(seen[0], PLATE_SCALE)
        found = np.mean([found, *(power(i, PLATE_SCALE)[1] for i in seen[1:])], axis=0)
        axis.semilogy(*power(window(image), scale), "k.-", label="real: SST" if scale < 0.1 else "real: HMI")
        axis.semilogy(q, found, "C1", label="synthetic")
        axis.set(title=name, xlabel="cycles / arcsec", xlim=(0, 1 if psf and scale > 0.1 else 2.4), ylim=(1e-6, 2e-2))
        axis.legend()
    axes[0].set_ylabel("power (arcsec$^2$)")
    figure.savefig(outdir / "synthetic_spectra.png", dpi=80, bbox_inches="tight")
    print_rows(rows)
    print()


def scenes_picture(data, outdir):
    figure, axes = plt.subplots(4, 6, figsize=(18, 12.4))
    grey = {"cmap": "gray", "origin": "lower"}

    def show(axis, image, title, low, high):
        axis.imshow(image, vmin=low, vmax=high, **grey)
        axis.set_title(title, fontsize=9)
        axis.set_axis_off()

    for column, kind in zip((0, 2, 4), ("quiet", "plage", "delta"), strict=True):
        scene = synthetic_sun(kind, seed=2)
        seen = as_hmi(scene)
        low, strong = (0.05, 2500) if kind == "delta" else (0.5, 1500)
        part = np.s_[256:768, 256:768]
        show(axes[0, column], scene.continuum[part], f"{kind}, 48 km", low, 1.5)
        show(axes[0, column + 1], scene.field[part], f"{kind}, ±{strong} G", -strong, strong)
        show(axes[1, column], seen[0], "as HMI sees all of it", max(low, 0.2) if kind == "delta" else 0.85, 1.12)
        show(axes[1, column + 1], seen[1], "±1000 G", -1000, 1000)
    quiet = fits.getdata(data / "highres/sst_crisp_quiet_sun_20190801.fits")
    spot = fits.getdata(data / "highres/sst_crisp_sunspot_20200727.fits")
    real = real_pairs(data)
    show(axes[2, 0], (1 + 3.1 * (quiet / quiet.mean() - 1))[200:775, 200:775], "SST quiet Sun, x 3.1", 0.5, 1.5)
    show(axes[2, 1], (spot / np.percentile(spot, 60))[200:800, 250:850], "SST sunspot (wide band 854 nm)", 0.25, 1.3)
    with fits.open(data / "highres/me_sunspot_upper.fits") as pair:
        show(axes[2, 2], pair[1].data[:, :148], "Milne-Eddington sunspot", 0.15, 1.2)
        show(axes[2, 3], pair[2].data[:, :148], "±2500 G", -2500, 2500)
    show(axes[2, 4], real[0][0], "HMI, AR 11158", 0.2, 1.12)
    show(axes[2, 5], real[0][1], "±1000 G", -1000, 1000)
    for column, (continuum, field) in zip((0, 2, 4), real[2:5], strict=True):
        y, x = np.unravel_index(
            ndimage.gaussian_filter(np.abs(field), 10)[64:-64, 64:-64].argmax(), np.subtract(field.shape, 128)
        )
        part = np.s_[y : y + 128, x : x + 128]
        show(axes[3, column], continuum[part], "HMI, SHARP", 0.2 if continuum[part].min() < 0.5 else 0.85, 1.12)
        show(axes[3, column + 1], field[part], "±1000 G", -1000, 1000)
    figure.tight_layout(pad=0.3)
    figure.savefig(outdir / "synthetic_scenes.jpg", dpi=62, pil_kwargs={"quality": 82})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--outdir", type=Path, default=Path())
    arguments = parser.parse_args()
    arguments.outdir.mkdir(parents=True, exist_ok=True)
    kinds = ("quiet", "network", "plage", "spot", "delta")
    scenes = {kind: [synthetic_sun(kind, seed=seed) for seed in SEEDS] for kind in kinds}
    spectra(arguments.data, scenes["quiet"], arguments.outdir)
    table(regimes([as_hmi(s) for many in scenes.values() for s in many]), regimes(real_pairs(arguments.data)))
    scenes_picture(arguments.data, arguments.outdir)


if __name__ == "__main__":
    main()
