"""Where on the solar disk the pixels are: the cosine of the heliocentric angle, from the header alone."""

import dataclasses
import numbers

import numpy as np

import astropy.units as u

__all__ = ["BAND", "Disk"]

# Rows that are handled at once: a few MiB for a full disk, which stay in the processor's cache.
BAND = 64


@dataclasses.dataclass(frozen=True)
class Disk:
    """The solar disk in the pixel grid of a helioprojective gnomonic (TAN) image.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns of the image.
    matrix : numpy.ndarray
        Radians of intermediate world coordinates per pixel (x, y).
    reference_pixel : tuple of float
        Zero-based pixel (x, y) of the reference point.
    reference_point : tuple of float
        Helioprojective longitude and latitude of the reference point in radians.
    sin_rsun : float
        Sine of the angular radius of the Sun.
    """

    shape: tuple
    matrix: np.ndarray
    reference_pixel: tuple
    reference_point: tuple
    sin_rsun: float

    @classmethod
    def of(cls, smap):
        """Read it from the header of a Map, which `sunpy_enhance._hmi.observable` has checked."""
        # Not smap.wcs: it needs the observer as a coordinate, which costs more than all of this.
        scale = [axis.to_value(u.rad / u.pix) for axis in smap.scale]
        pixel = [axis.to_value(u.pix) for axis in smap.reference_pixel]
        meta, units = smap.meta, smap.spatial_units
        point = [(float(meta[f"crval{i + 1}"]) * units[i]).to_value(u.rad) for i in range(2)]
        if isinstance(meta.get("rsun_obs"), numbers.Real) and np.isfinite(meta["rsun_obs"]):
            sin_rsun = np.sin((float(meta["rsun_obs"]) * u.arcsec).to_value(u.rad))
        else:
            sin_rsun = float(meta["rsun_ref"]) / float(meta["dsun_obs"])
        return cls(
            shape=smap.data.shape,
            matrix=np.asarray(smap.rotation_matrix, dtype=float) * np.array(scale)[:, None],
            reference_pixel=tuple(pixel),
            reference_point=tuple(point),
            sin_rsun=float(sin_rsun),
        )

    def mu(self, start=0, stop=None, scale=1):
        r"""Cosine of the heliocentric angle at pixel centres, 0 off the disk.

        Parameters
        ----------
        start, stop : int
            Rows of the image, counted in its own pixels; all by default.
        scale : int
            Pixels of the wanted grid per pixel along each axis; both grids share their edges.

        Returns
        -------
        numpy.ndarray
            float64, of shape ``(scale (stop - start), scale columns)``.

        Notes
        -----
        With the intermediate world coordinates :math:`(x, y)` of a pixel in radians, the line of sight is
        :math:`e_0 + x e_1 + y e_2`: :math:`e_0` points to the reference point, :math:`e_1` and :math:`e_2`
        along growing longitude and latitude there (LONPOLE = 180 deg) [1]_. At an angle :math:`\rho` from
        the centre of the Sun, of angular radius :math:`\rho_\odot`, it meets the sphere where
        :math:`\mu = \sqrt{1 - (\sin\rho / \sin\rho_\odot)^2}`: exact for an observer at finite distance.

        References
        ----------
        .. [1] Calabretta & Greisen (2002), A&A 395, 1077; Thompson (2006), A&A 449, 791.
        """
        stop = self.shape[0] if stop is None else stop
        row = (np.arange(scale * start, scale * stop) + 0.5) / scale - 0.5 - self.reference_pixel[1]
        column = (np.arange(scale * self.shape[1]) + 0.5) / scale - 0.5 - self.reference_pixel[0]
        (xx, xy), (yx, yy) = self.matrix
        lon, lat = self.reference_point
        # Components of e0, e1 and e2: towards solar west and north, and to the centre of the Sun.
        west = np.cos(lat) * np.sin(lon), np.cos(lon), -np.sin(lat) * np.sin(lon)
        north = np.sin(lat), 0.0, np.cos(lat)
        sunward = np.cos(lat) * np.cos(lon), -np.sin(lon), -np.sin(lat) * np.cos(lon)

        def component(of_0, of_1, of_2):
            return ((of_1 * xy + of_2 * yy) * row + of_0)[:, None] + (of_1 * xx + of_2 * yx) * column

        # Not from the cosine, which loses half of the digits so close to 1.
        across, up, along = component(*west), component(*north), component(*sunward)
        across *= across
        up *= up
        across += up
        ahead = along > 0
        along *= along
        along += across
        mu = across
        mu /= along
        mu /= -(self.sin_rsun**2)
        mu += 1.0
        np.maximum(mu, 0.0, out=mu)
        mu *= ahead
        return np.sqrt(mu, out=mu)
