"""
======================
A magnetogram
======================

Enhance a line-of-sight magnetogram, and see what that does to strong fields, to the net flux and to the noise.
"""

import matplotlib.pyplot as plt
import numpy as np

from sunpy_enhance import enhance_map
from sunpy_enhance.demo import demo_maps
from sunpy_enhance.optics import redegrade

###############################################################################
# A synthetic magnetogram with a complete HMI header stands in for an observation.

_, magnetogram = demo_maps()
enhanced = enhance_map(magnetogram)

###############################################################################
# Both on one colour scale, saturated well below the strongest field so that the network shows.

norm = plt.Normalize(-500, 500)
fig = plt.figure(figsize=(10, 4.8), layout="constrained")
for position, (smap, title) in enumerate([(magnetogram, "HMI"), (enhanced, "enhanced")], start=1):
    ax = fig.add_subplot(1, 2, position, projection=smap)
    image = smap.plot(axes=ax, norm=norm, cmap="gray", title=title)
fig.colorbar(image, ax=fig.axes, label="line-of-sight field [G]", shrink=0.8)

###############################################################################
# Stray light spreads the flux of a small concentration over its surroundings: its peak is too low, though the flux is
# all there. Restoring it therefore has to raise the peaks and leave the net flux, the mean field, where it was. Where
# the field is weak there is mostly noise, which grows with everything else; it should grow little.

weak = np.abs(magnetogram.data) < 20  # gauss
weak_enhanced = np.repeat(np.repeat(weak, 2, axis=0), 2, axis=1)
print(f"strongest field: {np.nanmax(np.abs(magnetogram.data)):.0f} -> {np.nanmax(np.abs(enhanced.data)):.0f} G")
print(f"mean field: {np.nanmean(magnetogram.data):+.2f} -> {np.nanmean(enhanced.data):+.2f} G")
print(f"RMS of weak pixels: {magnetogram.data[weak].std():.1f} -> {enhanced.data[weak_enhanced].std():.1f} G")

###############################################################################
# The distribution of field strengths shows both: wings that rise, and a core that stays narrow.

fig, ax = plt.subplots(layout="constrained")
for smap, label in [(magnetogram, "HMI"), (enhanced, "enhanced")]:
    ax.hist(smap.data.ravel(), np.linspace(-2000, 2000, 101), density=True, histtype="step", log=True, label=label)
ax.set(xlabel="line-of-sight field [G]", ylabel="density [1/G]")
ax.legend()

###############################################################################
# What HMI would have seen of the enhanced magnetogram, against what it saw. Much of the difference is noise of the
# input, about 10 G: what of it is finer than the telescope's resolution cannot come from any image of the Sun.

residual = redegrade(enhanced).data - magnetogram.data
print(f"re-degraded minus input: RMS {np.nanstd(residual):.1f} G, mean {np.nanmean(residual):+.2f} G")

fig, ax = plt.subplots(layout="constrained")
image = ax.imshow(residual, origin="lower", cmap="RdBu_r", vmin=-50, vmax=50)
ax.set(title="re-degraded minus input", xlabel="x [pixel]", ylabel="y [pixel]")
fig.colorbar(image, label="G")

plt.show()
