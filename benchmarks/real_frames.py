"""What the shipped networks do to real HMI frames: pictures, and the cost of full disks.

Run ``python benchmarks/real_frames.py DATA [--outdir DIR]``.
DATA holds ``hmi/ar11158_{continuum,magnetogram}_200x200.fits`` and the two full disks. Writes pictures of all, and
prints times, memory and residuals of the full disks as Markdown. (How accurate they are: benchmarks/accuracy.py.)
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np
from frames import FULL_DISKS, active_region, full_disk

from sunpy_enhance import enhance_map
from sunpy_enhance._figures import before_after
from sunpy_enhance.optics import redegrade


def _full_disk(data, observable, outdir):
    start = time.perf_counter()
    smap = full_disk(data, observable)
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
        f"| {FULL_DISKS[observable]} | {read - start:.1f} s | {done - read:.1f} s | {again - before:.1f} s "
        f"| {np.nanstd(residual[inside]):.4g} {smap.unit} "
        f"| {np.isnan(smap.data).mean():.4f} / {np.isnan(enhanced.data).mean():.4f} | {peak:.2f} GiB | {same} |"
    )
    before_after(smap, enhanced, outdir / f"{FULL_DISKS[observable]}.png")


def main():
    """Write the pictures and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--outdir", type=Path, default=Path("real-frames"))
    parser.add_argument("--skip-full-disks", action="store_true")
    options = parser.parse_args()
    options.outdir.mkdir(parents=True, exist_ok=True)
    for observable in FULL_DISKS:
        smap = active_region(options.data, observable)
        before_after(smap, enhance_map(smap), options.outdir / f"ar11158_{observable}.png")
    if options.skip_full_disks:
        return
    columns = "read | enhance | re-degrade | residual RMS, mu > 0.6 | pixels NaN in / out"
    print(f"| full disk | {columns} | peak memory | tiles of 480 and 611 |")
    print("|---|---|---|---|---|---|---|---|")
    for observable in FULL_DISKS:
        _full_disk(options.data, observable, options.outdir)


if __name__ == "__main__":
    main()
