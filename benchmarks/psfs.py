"""Encircled energy and transfer of the point spread functions, for docs/optics.rst.

Run ``python benchmarks/psfs.py``. Prints a table in reStructuredText.
"""

import numpy as np

import astropy.units as u

from sunpy_enhance.optics import encircled_energy, psf_from_card

RADII = [0.5, 1, 2, 5, 20] * u.arcsec
FREQUENCIES = [0.1, 0.3, 0.5, 0.8] / u.arcsec
PSFS = [
    ("``wachter`` (= ``diazbaso2018``)", {"kind": "wachter"}),
    ("the same, ``pixel = 0.504``", {"kind": "wachter", "pixel": 0.504}),
    ("``wachter2012``", {"kind": "wachter2012"}),
    ("``yeo``", {"kind": "yeo"}),
    ("``couvidat``, ``gamma = 0.1`` [#gamma]_", {"kind": "couvidat", "gamma": 0.1}),
    ("``airy``, ``diameter = 0.14``", {"kind": "airy", "diameter": 0.14}),
    ("the same, ``pixel = 0.504``", {"kind": "airy", "diameter": 0.14, "pixel": 0.504}),
    ("``airy`` (28 cm)", {"kind": "airy"}),
    ("the same, ``obscuration = 0.3``", {"kind": "airy", "obscuration": 0.3}),
]


def main():
    print(".. list-table::\n   :header-rows: 1\n")
    heads = [f"{radius.value:g}″" for radius in RADII] + [f"{q.value:g}/″" for q in FREQUENCIES]
    print("   * - PSF\n" + "\n".join(f"     - {head}" for head in heads))
    for name, card in PSFS:
        psf = psf_from_card(**card)
        passed = psf.transfer(FREQUENCIES) if psf.round else psf.mean_transfer(FREQUENCIES)
        figures = np.concatenate([encircled_energy(psf, RADII), passed])
        print(f"   * - {name}")
        print("\n".join(f"     - {figure:.3f}" for figure in figures))


if __name__ == "__main__":
    main()
