"""How much of the truth HMI cannot see: what no restoration can know, however large the network.

Run ``python benchmarks/unseen.py DATA [--out docs/accuracy/unseen.csv]``.
DATA is the folder of the recipes' files. Prints the root mean square of what the larger telescope shows beyond some
spatial frequencies, for each truth that the recipes hold out. HMI's aperture passes nothing beyond D / wavelength =
1.10 cycles/arcsec, and next to nothing just below. A restoration that got everything up to a frequency exactly right,
and guessed nothing beyond, would have this RMS error.
"""

import argparse
import importlib.resources
from pathlib import Path

import numpy as np
from rows import print_rows
from scipy import fft

from sunpy_enhance.optics import degrade
from sunpy_enhance.training.recipe import HELD_OUT_SEEDS, read_recipe
from sunpy_enhance.training.sources import read_truth, synthetic_truth

_RECIPES = importlib.resources.files("sunpy_enhance.training") / "recipes"
# Cycles per arcsec.
_FREQUENCIES = (0.8, 0.9, 1.0, 1.1)


def rms_beyond(image, plate_scale, frequencies, *, periodic=False):
    """Return the root mean square of an image beyond some spatial frequencies.

    Parameters
    ----------
    image : `numpy.ndarray`
    plate_scale : float
        Arcsec per pixel.
    frequencies : sequence of float
        Cycles per arcsec.
    periodic : bool
        Whether the image is; otherwise it is continued by its mirror images.

    Returns
    -------
    list of float
    """
    if not periodic:
        image = np.pad(image, [(0, length) for length in image.shape], mode="symmetric")
    rows, columns = image.shape
    power = np.abs(fft.fft2(image) / image.size) ** 2
    frequency = np.hypot(fft.fftfreq(rows, plate_scale)[:, None], fft.fftfreq(columns, plate_scale))
    return [float(np.sqrt(power[frequency > lowest].sum())) for lowest in frequencies]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, help="a CSV file; default: none")
    options = parser.parse_args()
    rows = [["observable", "truth", *(f"beyond {frequency:g}/arcsec" for frequency in _FREQUENCIES)]]
    for observable, percent in (("continuum", 100), ("magnetogram", 1)):
        recipe = read_recipe(_RECIPES / f"{observable}.toml")
        _, target = recipe.optics()
        truths = [truth for entry in recipe["files"] for truth in read_truth(options.data, entry)[1]]
        truths += [synthetic_truth(observable, entry["kind"], seed=HELD_OUT_SEEDS) for entry in recipe["synthetic"]]
        for truth in truths:
            sharp = degrade(truth.image, target, truth.plate_scale, periodic=truth.periodic)
            found = rms_beyond(sharp, truth.plate_scale, _FREQUENCIES, periodic=truth.periodic)
            cells = [f"{percent * rms:.2f} %" if percent > 1 else f"{rms:.1f} G" for rms in found]
            rows.append([observable, truth.source, *cells])
    print_rows(rows, options.out)


if __name__ == "__main__":
    main()
