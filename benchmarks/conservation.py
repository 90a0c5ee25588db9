"""By how much the networks change the mean of real frames, cut where it matters most.

Run ``python benchmarks/conservation.py DATA [--models NAME|FILE ...] [--out docs/validation/conservation.csv]``.
DATA is the folder of the recipes' files, with the real frames in ``hmi/``. Every frame that `enhance_map` accepts: the
cutouts of AR 11158, parts of them whose borders cut through spots and strong flux, submaps of the full disks, and the
full disks (``--full-disks``, minutes). Prints Markdown.
"""

import argparse
from pathlib import Path

import numpy as np
from frames import active_region, full_disk
from rows import write_rows

import astropy.units as u

from sunpy_enhance import available_models, enhance_map
from sunpy_enhance._network import load_network
from sunpy_enhance.validation import bicubic

# Corner (x, y) and side, in pixels, of parts of the cutouts of AR 11158.
_PARTS = {
    "left half": (0, 0, 100, 200),
    "through the negative spot": (0, 60, 80, 80),
    "in the negative spot": (60, 80, 40, 40),
    "through the positive spot": (130, 60, 50, 60),
    "in the positive spot": (150, 80, 32, 32),
    "along the inversion line": (90, 60, 64, 40),
    "quiet": (50, 150, 100, 50),
}
# What is asked for: of the mean intensity, and gauss.
_LIMITS = {"continuum": 5e-4, "magnetogram": 0.2}


def part(smap, x, y, width, height):
    return smap.submap([x, y] * u.pix, width=(width - 1) * u.pix, height=(height - 1) * u.pix)


def frames(data, observable, full):
    """Return the frames of an observable by their names."""
    region, disk = active_region(data, observable), full_disk(data, observable)
    found = {"AR 11158": region}
    found |= {f"AR 11158, {name}": part(region, *where) for name, where in _PARTS.items()}
    x, y = (round(centre.value) for centre in disk.reference_pixel)
    field = np.nan_to_num(np.abs(disk.data - (np.nanmedian(disk.data) if observable == "continuum" else 0)))
    field[np.hypot(*np.ogrid[-y : len(field) - y, -x : len(field) - x]) > 0.6 * disk.meta["r_sun"]] = 0
    top = np.unravel_index(np.argmax(field), field.shape)
    for size in (64, 300, 1000):
        found[f"full disk, middle {size}"] = part(disk, x - size // 2, y - size // 2, size, size)
    # The most active pixel in the corner: the border cuts through the strongest flux.
    found["full disk, corner in the most active pixel"] = part(disk, int(top[1]), int(top[0]), 64, 64)
    found["full disk, border through the most active pixel"] = part(disk, int(top[1]) - 100, int(top[0]), 200, 200)
    if full:
        found["full disk"] = disk
    return found


def change(smap, enhanced):
    """Return the mean before and after, of the pixels that were enhanced."""
    valid = np.isfinite(smap.data)
    if enhanced.mask is not None:
        rows, columns = smap.data.shape
        valid &= ~enhanced.mask.reshape(rows, 2, columns, 2).any(axis=(1, 3))
    before = smap.data[valid].mean(dtype=float)
    blocks = enhanced.data.reshape(len(smap.data), 2, -1, 2)
    return before, sum(blocks[:, i, :, j][valid].mean(dtype=float) for i in range(2) for j in range(2)) / 4


def main():
    """Print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--models", nargs="+", help="names or .onnx files; default: all shipped ones")
    parser.add_argument("--out", type=Path, help="CSV; default: none")
    parser.add_argument("--full-disks", action="store_true")
    options = parser.parse_args()
    rows = []
    for observable, limit in _LIMITS.items():
        models = [
            m for m in options.models or available_models() if load_network(m, "cpu").card.observable == observable
        ]
        for name, smap in frames(options.data, observable, options.full_disks).items():
            for model in [*models, "bicubic"]:
                enhanced = bicubic(smap) if model == "bicubic" else enhance_map(smap, model=model, device="cpu")
                before, after = change(smap, enhanced)
                moved = after - before if observable == "magnetogram" else (after - before) / before
                shown = f"{moved:+.3f} G" if observable == "magnetogram" else f"{100 * moved:+.4f} %"
                mean = f"{before:.2f} {smap.unit}" if observable == "magnetogram" else f"{before:.4g}"
                shape = "x".join(map(str, smap.data.shape))
                within = "yes" if abs(moved) <= limit else "NO"
                rows.append([name, shape, Path(model).stem, mean, shown, within])
                print(f"| {' | '.join(rows[-1])} |", flush=True)
    if options.out:
        heading = ["frame", "pixels", "method", "mean", "change", "within 0.05 % or 0.2 G"]
        write_rows([heading, *rows], options.out)


if __name__ == "__main__":
    main()
