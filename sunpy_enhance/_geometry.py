"""Where on the solar disk the pixels are: the cosine of the heliocentric angle, from the header alone."""

import dataclasses
import numbers

import numpy as np

import astropy.units as u

from ._hmi import pixel_matrix

__all__ = ["Disk"]


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
        pixel = [axis.to_value(u.pix) for axis in smap.reference_pixel]
        meta, units = smap.meta, smap.spatial_units
        point = [(float(meta[f"crval{i + 1}"]) * units[i]).to_value(u.rad) for i in range(2)]
        if isinstance(meta.get("rsun_obs"), numbers.Real) and np.isfinite(meta["rsun_obs"]):
            sin_rsun = np.sin((float(meta["rsun_obs"]) * u.arcsec).to_value(u.rad))
        else:
            sin_rsun = float(meta["rsun_ref"]) / float(meta["dsun_obs"])
        return cls(
            shape=smap.data.shape,
            matrix=pixel_matrix(smap, u.rad),
            reference_pixel=tuple(pixel),
            reference_point=tuple(point),
            sin_rsun=float(sin_rsun),
        )

    def mu(self, start=0, stop=None, scale=1, columns=slice(None)):
        r"""Cosine of the heliocentric angle at pixel centres, 0 off the disk.

        Parameters
        ----------
        start, stop : int
            Rows of the image, counted in its own pixels; all by default.
        scale : int
            Pixels of the wanted grid per pixel along each axis; both grids share their edges.
        columns : slice
            Columns of the image, counted in its own pixels; all by default.

        Returns
        -------
        numpy.ndarray
            float64, of `scale` times the rows and columns.

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
        # From the image's centre, not the reference point, which may be far away: digits are kept.
        middle = [(length - 1) / 2 for length in self.shape]
        row = ((np.arange(scale * start, scale * stop) + 0.5) / scale - 0.5 - middle[0])[:, None]
        first, last, _ = columns.indices(self.shape[1])
        column = (np.arange(scale * first, scale * last) + 0.5) / scale - 0.5 - middle[1]
        (xx, xy), (yx, yy) = self.matrix
        x = xx * (middle[1] - self.reference_pixel[0]) + xy * (middle[0] - self.reference_pixel[1])
        y = yx * (middle[1] - self.reference_pixel[0]) + yy * (middle[0] - self.reference_pixel[1])
        lon, lat = self.reference_point

        def component(of_0, of_1, of_2):
            """Return it at the middle of each row, and its change from column to column."""
            return of_0 + of_1 * x + of_2 * y + (of_1 * xy + of_2 * yy) * row, of_1 * xx + of_2 * yx

        # Components of the line of sight: towards solar west and north, and to the centre of the Sun.
        west = component(np.cos(lat) * np.sin(lon), np.cos(lon), -np.sin(lat) * np.sin(lon))
        north = component(np.sin(lat), 0.0, np.cos(lat))
        sunward = component(np.cos(lat) * np.cos(lon), -np.sin(lon), -np.sin(lat) * np.cos(lon))

        def total_of_squares(*weighted):
            """Evaluate sums of squares of components, which are quadratic in the column, with a few operations."""
            constant = sum(weight * first**2 for weight, (first, _) in weighted)
            linear = sum(weight * 2 * first * change for weight, (first, change) in weighted)
            quadratic = sum(weight * change**2 for weight, (_, change) in weighted)
            total = linear * column
            total += quadratic * column**2
            total += constant
            return total

        # 1 - 1 / sin^2 rho_sun in units of the squared distance from the axis to the Sun's centre.
        beyond = 1 - 1 / self.sin_rsun**2
        mu = total_of_squares((beyond, west), (beyond, north), (1.0, sunward))
        mu /= total_of_squares((1.0, west), (1.0, north), (1.0, sunward))
        np.maximum(mu, 0.0, out=mu)
        ends = [sunward[0] + sunward[1] * end for end in column[[0, -1]]]
        if min(np.min(end) for end in ends) <= 0:  # more than 90 degrees away
            mu *= sunward[0] + sunward[1] * column > 0
        return np.sqrt(mu, out=mu)
