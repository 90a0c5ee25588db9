"""
============================
A full disk from the VSO
============================

Find an HMI continuum image and magnetogram with `~sunpy.net.Fido`, download them and enhance them. The Virtual Solar
Observatory (VSO) asks for no registration and serves whole disks.
"""

import sunpy.map
from sunpy.net import Fido
from sunpy.net import attrs as a

from sunpy_enhance import enhance_map

###############################################################################
# One minute holds at least one image of the 45-second series. ``intensity`` is the continuum, ``los_magnetic_field``
# the magnetogram; HMI's Dopplergrams, ``los_velocity``, cannot be enhanced.

minute = a.Time("2024-05-01T00:00:00", "2024-05-01T00:01:00")
found = Fido.search(minute, a.Instrument.hmi, a.Physobs.intensity | a.Physobs.los_magnetic_field)
print(found)

###############################################################################
# The answer has a table for each of the two observables; take the first row of each.

files = [Fido.fetch(found[table, 0])[0] for table in range(2)]

###############################################################################
# A full disk of 4096 x 4096 pixels becomes one of 8192 x 8192: that takes a while on a CPU, so ask for a progress bar.
# It is done in tiles, which leave no seams, so that the memory stays bounded.

for file in files:
    enhanced = enhance_map(sunpy.map.Map(file), progress=True)
    enhanced.save(f"enhanced_{enhanced.meta['enhmodel']}.fits", overwrite=True)

###############################################################################
# Beyond the limit down to which the network was validated, near the limb, the Map has the interpolated input and its
# mask is `True`. SunPy's own ``enhanced.mean()`` and the like do not look at the mask: what was enhanced is
# ``enhanced.data[~enhanced.mask]``.

print(f"{enhanced.mask.mean():.0%} of the pixels were not enhanced")
enhanced.peek()
