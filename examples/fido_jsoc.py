"""
============================
A cutout from the JSOC
============================

The JSOC cuts out a region on its side, which makes for a small download and a quick result. It asks for an email
address that is registered with it: see `sunpy.net.jsoc.JSOCClient`.
"""

import os

import matplotlib.pyplot as plt

import astropy.units as u
from astropy.coordinates import SkyCoord

import sunpy.map
from sunpy.coordinates import frames
from sunpy.net import Fido
from sunpy.net import attrs as a

from sunpy_enhance import enhance_map

###############################################################################
# A cutout of 200 arcsec. Do not ask for ``register=True``: that would resample the image, and an image that is no
# longer in its native sampling has another point spread function than the one that is to be removed.

time = "2024-05-01T00:00:00"
corner = SkyCoord(-100 * u.arcsec, -100 * u.arcsec, frame=frames.Helioprojective(observer="earth", obstime=time))
found = Fido.search(
    a.Time(time, "2024-05-01T00:00:44"),
    a.jsoc.Series("hmi.Ic_45s"),
    a.jsoc.Cutout(corner, width=200 * u.arcsec, height=200 * u.arcsec),
    a.jsoc.Notify(os.environ["JSOC_EMAIL"]),
)
continuum = sunpy.map.Map(Fido.fetch(found)[0])

###############################################################################
# A small cutout does not show how the Sun darkens towards its limb, so the level of the quiet Sun is found from the
# published limb darkening, scaled to the frame. Where spots fill most of it, give the level with ``quiet_sun=``.

enhanced = enhance_map(continuum)

###############################################################################
# HMI's camera is mounted upside down: the images have solar north at the bottom, as their WCS knows. Rotate afterwards,
# never before: rotation interpolates.

enhanced.rotate(order=3).plot()
plt.show()
