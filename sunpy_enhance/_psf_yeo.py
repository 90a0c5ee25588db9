"""HMI's point spread function from the transit of Venus: a sum of guided Gaussians, not round."""

import dataclasses
from typing import ClassVar

import numpy as np
from scipy import special

import astropy.units as u

__all__ = ["YeoPSF"]


@dataclasses.dataclass(frozen=True)
class YeoPSF:
    r"""The HMI point spread function of Yeo et al. (2014), retrieved from the transit of Venus.

    .. math:: P(\theta, \phi) = \sum_i \left[1 + A_i \cos(u_i \phi + v_i)\right]
              \frac{w_i}{2 \pi \sigma_i^2}\, e^{-\theta^2 / 2 \sigma_i^2}

    It is not round: the guided terms make its transfer function complex (odd :math:`u_i`) and its
    centroid differ from its origin. The transfer function follows from the Jacobi-Anger expansion,

    .. math:: T(q, \psi) = \sum_i w_i \left[e^{-2 \pi^2 \sigma_i^2 q^2}
              + (-\mathrm{i})^{u_i} A_i \cos(u_i \psi + v_i)\, H_{u_i}(2 \pi \sigma_i q)\right],

    where :math:`H_u(x) = \sqrt{\pi/8}\, x\, e^{-z} [I_{(u-1)/2}(z) - I_{(u+1)/2}(z)]`, :math:`z = x^2/4`, is the
    Hankel transform of order :math:`u` of a Gaussian (Gradshteyn & Ryzhik 6.631.7).

    Parameters
    ----------
    weights : tuple of float
        :math:`w_i`; they are divided by their sum.
    sigmas : tuple of float
        :math:`\sigma_i` in arcsec.
    amplitudes : tuple of float
        :math:`A_i`, at most 1 in magnitude, so that the PSF is nowhere negative.
    orders : tuple of int
        :math:`u_i`, positive.
    phases : tuple of float
        :math:`v_i` in radians.
    rotation : float
        Degrees by which the PSF is turned from the x axis (columns) towards the y axis (rows) of the image it is
        applied to. It belongs to the camera: Maps that were turned north up need the angle they were turned by.

    Raises
    ------
    ValueError
        Where the numbers of terms differ or a term is impossible.

    Notes
    -----
    The parameters are those of the paper as two public codes transcribe them. One of the two has 0.00467 for
    :math:`w_4` instead of 0.0467; only with the latter the weights add up to one (0.9997). The sense in which the
    paper counts :math:`\phi` could not be checked.

    References
    ----------
    * Yeo, K. L., et al. 2014, A&A 561, A22
    """

    round: ClassVar[bool] = False
    symmetric: ClassVar[bool] = False

    weights: tuple = (0.641, 0.211, 0.066, 0.0467, 0.035)
    sigmas: tuple = (0.470, 1.155, 2.09, 4.42, 25.77)
    amplitudes: tuple = (0.131, 0.371, 0.54, 0.781, 0.115)
    orders: tuple = (1, 1, 2, 1, 1)
    phases: tuple = (-1.85, 2.62, -2.34, 1.255, 2.58)
    rotation: float = 0.0

    def __post_init__(self):
        lengths = {len(values) for values in (self.weights, self.sigmas, self.amplitudes, self.orders, self.phases)}
        if len(lengths) != 1 or lengths == {0}:
            msg = f"the parameters have {sorted(lengths)} terms, expected one of each for each Gaussian"
            raise ValueError(msg)
        if min(self.sigmas) <= 0 or min(self.weights) < 0 or not sum(self.weights) > 0:
            msg = f"sigmas are {self.sigmas} and weights {self.weights}, expected positive ones"
            raise ValueError(msg)
        if not np.isfinite(self.rotation):
            msg = f"rotation is {self.rotation}, expected a number of degrees"
            raise ValueError(msg)
        if max(np.abs(self.amplitudes)) > 1 or any(order != int(order) or order < 1 for order in self.orders):
            msg = f"amplitudes are {self.amplitudes} and orders {self.orders}, expected up to 1, and 1, 2, 3, ..."
            raise ValueError(msg)

    @property
    def _terms(self):
        weights = np.array(self.weights) / sum(self.weights)
        return zip(weights, self.sigmas, self.amplitudes, self.orders, self.phases, strict=True)

    @property
    def limit(self):
        """Frequency in cycles per arcsec beyond which the mean over all directions is below exp(-36)."""
        return 1.36 / min(self.sigmas)

    @u.quantity_input
    def profile(self, theta: u.arcsec, azimuth: u.deg):
        """Return the PSF per square arcsec at an angle from the origin; azimuths go from the x axis to the y axis."""
        r = theta.to_value(u.arcsec)
        phi = (azimuth - self.rotation * u.deg).to_value(u.rad)
        value = 0.0
        for weight, sigma, amplitude, order, phase in self._terms:
            guided = 1 + amplitude * np.cos(order * phi + phase)
            value = value + guided * weight / (2 * np.pi * sigma**2) * np.exp(-((r / sigma) ** 2) / 2)
        return value / u.arcsec**2

    @u.quantity_input
    def transfer_xy(self, frequency_x: u.arcsec**-1, frequency_y: u.arcsec**-1):
        """Return the complex transfer function at frequencies along x and y, which are broadcast; 1 at zero."""
        qx, qy = frequency_x.to_value(1 / u.arcsec), frequency_y.to_value(1 / u.arcsec)
        q = np.hypot(qx, qy)
        psi = np.arctan2(qy, qx) - np.deg2rad(self.rotation)
        value = np.zeros(q.shape, complex)
        for weight, sigma, amplitude, order, phase in self._terms:
            x = 2 * np.pi * sigma * q
            value += weight * np.exp(-(x**2) / 2)
            guide = weight * amplitude * np.cos(order * psi + phase)
            value += (-1j) ** int(order) * guide * _gaussian_hankel(int(order), x)
        return value

    @u.quantity_input
    def mean_transfer(self, frequency: u.arcsec**-1):
        """Return the mean of the transfer function over all directions: the guided terms have none."""
        x = 2 * np.pi * np.abs(frequency.to_value(1 / u.arcsec))
        return sum(weight * np.exp(-((x * sigma) ** 2) / 2) for weight, sigma, *_ in self._terms)


def _gaussian_hankel(order, x):
    """Return the integral of exp(-r^2/2) J_order(x r) r over r from 0 to infinity."""
    z = x**2 / 4
    return np.sqrt(np.pi / 8) * x * (special.ive((order - 1) / 2, z) - special.ive((order + 1) / 2, z))
