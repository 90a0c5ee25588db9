"""What the shipped networks make of real HMI frames.

Run ``python benchmarks/real_frames.py DATA [--outdir DIR]``.
DATA holds ``hmi/ar11158_{continuum,magnetogram}_200x200.fits`` (no header: they get that of a cutout at disk centre)
and the two full disks. Prints Markdown tables, with bicubic interpolation and the linear filters, and writes pictures.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np

from astropy.io import fits

import sunpy.map

from sunpy_enhance import enhance_map
from sunpy_enhance._figures import before_after
from sunpy_enhance._pixels import cubic, rows_of
from sunpy_enhance.demo import cutout_header
from sunpy_enhance.optics import redegrade, redegrade_image

# Rows and columns without activity in the cutouts of AR 11158.
_QUIET = np.s_[150:200, 50:150]
_QUIET_FINE = np.s_[300:400, 100:300]


def _cutout(data, observable):
    image = fits.getdata(data / f"hmi/ar11158_{observable}_200x200.fits").astype(np.float32)
    header = cutout_header(observable, image.shape, (0.0, 0.0)) | {"origin": "SDO/HMI", "history": ""}
    return sunpy.map.Map(image, header)


def _continuum(data, outdir):
    smap = _cutout(data, "continuum")
    enhanced = enhance_map(smap)
    before_after(smap, enhanced, outdir / "ar11158_continuum.png")
    print("| continuum, AR 11158 | residual RMS | bias | quiet-Sun contrast | umbra |\n|---|---|---|---|---|")
    images = _methods(smap, enhanced)
    for name, image in images.items():
        residual = redegrade_image(image, 0.252).astype(float) - smap.data
        quiet = image[_QUIET_FINE]
        print(
            f"| {name} | {100 * residual.std():.3f} % | {100 * residual.mean():+.3f} % "
            f"| {100 * quiet.std() / quiet.mean():.2f} % | {image.min():.3f} |"
        )
    quiet = smap.data[_QUIET]
    print(f"| input | | | {100 * quiet.std() / quiet.mean():.2f} % | {smap.data.min():.3f} |\n")


def _magnetogram(data, outdir):
    smap = _cutout(data, "magnetogram")
    enhanced = enhance_map(smap)
    before_after(smap, enhanced, outdir / "ar11158_magnetogram.png")
    columns = "residual RMS | bias | quiet pixels | of these, gradient < 10 G | net | mean abs(B) | strongest"
    print(f"| magnetogram, AR 11158 | {columns} |")
    print("|---|---|---|---|---|---|---|---|")
    flat = np.hypot(*np.gradient(smap.data)) < 10
    quiet = np.abs(smap.data) < 20
    images = _methods(smap, enhanced)
    for name, image in images.items():
        residual = redegrade_image(image, 0.252).astype(float) - smap.data
        print(
            f"| {name} | {residual.std():.2f} G | {residual.mean():+.3f} G "
            f"| {_fine(image, quiet).std():.2f} G | {_fine(image, quiet & flat).std():.2f} G "
            f"| {image.mean(dtype=float):+.2f} G "
            f"| {np.abs(image).mean(dtype=float):.1f} G | {np.abs(image).max():.0f} G |"
        )
    print(
        f"| input | | | {smap.data[quiet].std():.2f} G | {smap.data[quiet & flat].std():.2f} G "
        f"| {smap.data.mean(dtype=float):+.2f} G "
        f"| {np.abs(smap.data).mean(dtype=float):.1f} G | {np.abs(smap.data).max():.0f} G |\n"
    )


def _fine(image, chosen):
    return image[chosen.repeat(2, axis=0).repeat(2, axis=1)]


def _methods(smap, enhanced):
    linear = enhance_map(smap, model=f"{smap.measurement}-linear")
    return {
        "network": enhanced.data,
        "linear filter": linear.data,
        "bicubic": cubic(rows_of(smap.data, 0, len(smap.data))),
    }


def _noise():
    """Show what comes out for a flat input with nothing but its noise."""
    print("| flat input with noise | in | network | linear filter | bicubic |\n|---|---|---|---|---|")
    rng = np.random.default_rng(0)
    for observable, level, noise, factor, unit in (
        ("continuum", 1.0, 1e-3, 100, "%"),
        ("magnetogram", 0.0, 10.0, 1, "G"),
    ):
        image = rng.normal(level, noise, (256, 256)).astype(np.float32)
        smap = sunpy.map.Map(image, cutout_header(observable, image.shape, (0.0, 0.0)))
        results = [image, *_methods(smap, enhance_map(smap)).values()]
        print(f"| {observable} | " + " | ".join(f"{factor * result.std():.3f} {unit}" for result in results) + " |")
    print()


def _full_disks(data, outdir):
    columns = "read | enhance | re-degrade | residual RMS, mu > 0.6 | pixels NaN in / out"
    print(f"| full disk | {columns} | peak memory | tiles of 480 and 611 |")
    print("|---|---|---|---|---|---|---|---|")
    for name in ("continuum_20230131", "magnetogram_20220802"):
        start = time.perf_counter()
        smap = sunpy.map.Map(data / f"hmi/fulldisk_{name}.fits")
        smap.data  # noqa: B018 (sunpy reads when it is needed)
        read = time.perf_counter()
        enhanced = enhance_map(smap)
        done = time.perf_counter()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        again_tiled = enhance_map(smap, tile_size=611).data
        same = "identical" if np.array_equal(enhanced.data, again_tiled, equal_nan=True) else "DIFFERENT"
        del again_tiled
        before = time.perf_counter()
        residual = redegrade(enhanced).data - smap.data
        again = time.perf_counter()
        rows, columns = np.indices(smap.data.shape, sparse=True)
        radius = np.hypot(columns + 1 - smap.meta["crpix1"], rows + 1 - smap.meta["crpix2"])
        inside = radius < 0.8 * smap.meta["r_sun"]
        print(
            f"| {name} | {read - start:.1f} s | {done - read:.1f} s | {again - before:.1f} s "
            f"| {np.nanstd(residual[inside]):.4g} {smap.unit} "
            f"| {np.isnan(smap.data).mean():.4f} / {np.isnan(enhanced.data).mean():.4f} | {peak:.2f} GiB | {same} |"
        )
        before_after(smap, enhanced, outdir / f"{name}.png")


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--outdir", type=Path, default=Path("real-frames"))
    parser.add_argument("--skip-full-disks", action="store_true")
    options = parser.parse_args()
    options.outdir.mkdir(parents=True, exist_ok=True)
    _continuum(options.data, options.outdir)
    _magnetogram(options.data, options.outdir)
    _noise()
    if not options.skip_full_disks:
        _full_disks(options.data, options.outdir)


if __name__ == "__main__":
    main()
