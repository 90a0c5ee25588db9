"""
======================
A continuum image
======================

Enhance a continuum image and look at what changed: by eye, in the contrast of the granulation, in the power spectrum,
and in what is left after HMI's point spread function is put back.
"""

import matplotlib.pyplot as plt
import numpy as np

from sunpy_enhance import enhance_map
from sunpy_enhance.demo import demo_maps
from sunpy_enhance.optics import redegrade

###############################################################################
# A synthetic image with a complete HMI header stands in for an observation. With a file of your own,
# ``sunpy.map.Map("hmi.Ic_45s....fits")`` takes its place.

continuum, _ = demo_maps()
enhanced = enhance_map(continuum)
print(f"{continuum.data.shape} at {continuum.scale.axis1:.3f} -> {enhanced.data.shape} at {enhanced.scale.axis1:.3f}")

###############################################################################
# Both on one colour scale: a scale of its own for each would hide the gain in contrast.

norm = plt.Normalize(np.nanmin(enhanced.data), np.nanmax(enhanced.data))
fig = plt.figure(figsize=(10, 4.8), layout="constrained")
for position, (smap, title) in enumerate([(continuum, "HMI"), (enhanced, "enhanced")], start=1):
    ax = fig.add_subplot(1, 2, position, projection=smap)
    image = smap.plot(axes=ax, norm=norm, cmap="gray", title=title)
fig.colorbar(image, ax=fig.axes, label=f"intensity [{continuum.unit}]", shrink=0.8)

###############################################################################
# The contrast of the quiet Sun is the standard deviation of its intensity over its mean; spots and pores, here whatever
# is below 80 % of the median, are left out. HMI's stray light and small aperture lower it. Restoring it, to what a
# telescope of 28 cm would show and not above, is the point of the whole.


def quiet_contrast(image):
    quiet = image[image > 0.8 * np.nanmedian(image)]
    return quiet.std() / quiet.mean()


print(f"quiet-Sun contrast: {quiet_contrast(continuum.data):.2%} -> {quiet_contrast(enhanced.data):.2%}")

###############################################################################
# The power spectrum tells at which scales. A Hann window keeps the borders of the image out of it. Left of the dashed
# line, HMI's diffraction limit, weakened detail is amplified. To its right the telescope passed nothing: power there is
# the network's experience, not an observation.


def power_spectrum(image, plate_scale, bins=40):
    image = image / np.nanmean(image) - 1
    window = np.outer(np.hanning(image.shape[0]), np.hanning(image.shape[1]))
    power = np.abs(np.fft.fft2(image * window)) ** 2 / np.sum(window**2) * plate_scale**2
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(size, plate_scale) for size in image.shape), indexing="ij"))
    edges = np.linspace(0, 0.5 / plate_scale, bins + 1)
    total, _ = np.histogram(frequency, edges, weights=power)
    count, _ = np.histogram(frequency, edges)
    return (edges[1:] + edges[:-1]) / 2, total / count


fig, ax = plt.subplots(layout="constrained")
for smap, label in [(continuum, "HMI"), (enhanced, "enhanced")]:
    ax.semilogy(*power_spectrum(smap.data, smap.scale.axis1.value), label=label)
ax.axvline(1 / 0.91, color="gray", linestyle="--", label="HMI's diffraction limit")
ax.set(xlabel="spatial frequency [cycles/arcsec]", ylabel="power [arcsec$^2$]")
ax.legend()

###############################################################################
# Finally the check that works on real data as well, where nobody knows the truth: what would HMI have seen of the
# enhanced image? The difference from the input should look like noise and be as small.

residual = (redegrade(enhanced).data - continuum.data) / np.nanmedian(continuum.data)
print(f"re-degraded minus input: RMS {np.nanstd(residual):.2%}, mean {np.nanmean(residual):+.3%} of the quiet Sun")

fig, ax = plt.subplots(layout="constrained")
image = ax.imshow(100 * residual, origin="lower", cmap="RdBu_r", vmin=-1, vmax=1)
ax.set(title="re-degraded minus input", xlabel="x [pixel]", ylabel="y [pixel]")
fig.colorbar(image, label="% of the quiet Sun")

plt.show()
