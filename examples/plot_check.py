"""
=====================================
Does it agree with the observation?
=====================================

Put HMI's telescope back in front of an enhanced Map, and compare what it would have seen with what it saw. Richardson
and Lucy's algorithm and plain interpolation stand beside the network.
"""

import matplotlib.pyplot as plt

from sunpy_enhance import enhance_map, richardson_lucy
from sunpy_enhance.demo import demo_maps
from sunpy_enhance.validation import bicubic, check

###############################################################################
# A synthetic magnetogram stands in for an observation; the check asks for no truth, and works on real data alike.

_, magnetogram = demo_maps()
found = check(enhance_map(magnetogram), magnetogram)
print(found)

###############################################################################
# A chi-square well above 1 says that the result contradicts the data; one well below that it has kept their noise. The
# page shows where, and at which scales.

found.plot(plt.figure(figsize=(12, 8), layout="constrained"))

###############################################################################
# The same for the others. Interpolation alone leaves the telescope in the image, and its residual says so. The
# Richardson-Lucy algorithm comes as near to the data as one lets it, and takes their noise for the Sun.

others = {
    "bicubic": bicubic(magnetogram),
    "linear filter": enhance_map(magnetogram, model="magnetogram-linear"),
    "Richardson-Lucy": richardson_lucy(magnetogram, iterations=50),
}
checks = {"network": found} | {name: check(one, magnetogram) for name, one in others.items()}
for name, one in checks.items():
    print(f"{name:<16} chi-square {one.chi_square:8.2f}, weak field {one.regimes['weak']['rms']:6.2f} G")

###############################################################################
# Their spectra. Whatever rises above HMI's to the right of its diffraction limit, 1.1 cycles/arcsec, was not observed.

fig, ax = plt.subplots(layout="constrained")
ax.semilogy(*found.spectra["before"], "k", label="HMI")
for name, one in checks.items():
    ax.semilogy(*one.spectra["after"], label=name)
ax.set(xlabel="spatial frequency [cycles/arcsec]", ylabel="power [(G arcsec)$^2$]")
ax.legend()

plt.show()
