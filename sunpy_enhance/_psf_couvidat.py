"""HMI's point spread function as its team corrects for it: an Airy pattern convolved with a Lorentzian."""

import dataclasses
import functools
from typing import ClassVar

import numpy as np
from scipy import special

import astropy.units as u

from ._arguments import check_positive, check_wavelength
from ._psf import AiryPSF

__all__ = ["CouvidatPSF"]


@dataclasses.dataclass(frozen=True)
class CouvidatPSF:
    r"""An Airy pattern convolved with a Lorentzian: the form of the HMI team's own stray-light correction.

    Its transfer function is the aperture's times that of the Lorentzian,

    .. math:: T(q) = \frac{2}{\pi}\left[\arccos s - s \sqrt{1 - s^2}\right] e^{-2 \pi \gamma q},
              \qquad s = \frac{\lambda q}{D}

    with :math:`q` in cycles per unit of angle. The abstract that names the form does not say which Lorentzian; this is
    the one of the plane, :math:`L(\theta) = \gamma\,/\,[2\pi (\theta^2 + \gamma^2)^{3/2}]`. That of a line,
    :math:`1/(\theta^2 + \gamma^2)`, would have infinite energy in the plane.

    Parameters
    ----------
    gamma : float
        :math:`\gamma` in arcsec. It has no default: the value behind JSOC's corrected series (``_dcon``, ``_dconS``)
        is to be taken from the references, or their PSF be read from its file with `MeasuredPSF`.
    diameter : float
        :math:`D` in metres.
    wavelength : float
        :math:`\lambda` in Ångström.

    References
    ----------
    * Couvidat, S., et al. 2016, Solar Physics 291, 1887
    * Norton, A. A., et al. 2025, Stray Light Correction for the Helioseismic and Magnetic Imager, arXiv:2511.13348:
      "a Lorentzian convolved with an Airy function", in the pipeline since 2018
    """

    round: ClassVar[bool] = True

    gamma: float
    diameter: float = 0.14
    wavelength: float = 6173.0

    def __post_init__(self):
        # Without a Lorentzian there is AiryPSF.
        check_positive(gamma=self.gamma, diameter=self.diameter)
        check_wavelength(self.wavelength)

    @property
    def _airy(self):
        return AiryPSF(self.diameter, self.wavelength)

    @property
    def limit(self):
        """Frequency in cycles per arcsec beyond which nothing passes."""
        return self._airy.limit

    @u.quantity_input
    def profile(self, theta: u.arcsec):
        """Return the PSF at an angle from the axis, per square arcsec: the Hankel transform of `transfer`."""
        angle = theta.to_value(u.arcsec)
        # Two nodes and more for each turn of the Bessel function, at angles that matter.
        nodes, weights = _gauss_legendre(2000 + 8 * int(self.limit * np.max(angle)))
        q = self.limit * (nodes + 1) / 2
        integrand = np.pi * self.limit * weights * q * self.transfer(q / u.arcsec)
        values = [special.j0(2 * np.pi * q * value) @ integrand for value in np.ravel(angle)]
        return np.reshape(values, np.shape(angle)) / u.arcsec**2

    @u.quantity_input
    def transfer(self, frequency: u.arcsec**-1):
        """Return the transfer function: 1 at zero frequency, zero beyond D / lambda."""
        q = np.abs(frequency.to_value(1 / u.arcsec))
        return self._airy.transfer(frequency) * np.exp(-2 * np.pi * self.gamma * q)


@functools.lru_cache(maxsize=8)
def _gauss_legendre(number):
    return special.roots_legendre(number)
