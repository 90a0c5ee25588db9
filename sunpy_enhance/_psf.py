"""Round point spread functions: profiles and transfer functions."""

import dataclasses
import functools
import numbers
from typing import ClassVar

import numpy as np
from scipy import special

import astropy.units as u

from ._arguments import check_positive, check_wavelength

__all__ = ["AiryPSF", "DeltaPSF", "WachterPSF"]


@dataclasses.dataclass(frozen=True)
class WachterPSF:
    r"""The HMI point spread function of Wachter et al. (2012), as Díaz Baso & Asensio Ramos use it.

    .. math:: P(r) = (1-\epsilon)\, e^{-(r/w)^2} + \frac{\epsilon}{1 + (r/W)^k},
              \qquad r = \frac{\pi D \theta}{\lambda}

    with the angle :math:`\theta` from the axis, the telescope's diameter :math:`D` and the wavelength
    :math:`\lambda`: a Gaussian core on a power-law halo of stray light (Eq. 6 of the paper). It is not cut off
    anywhere: with k = 3 the halo's energy is finite, 44 % of the whole for the default parameters.

    Parameters
    ----------
    omega, width : float
        :math:`w` and :math:`W`. The defaults, 2 and 3.4, are those that the paper fitted to HMI's power
        spectrum (its Sect. 2.6); Wachter et al. have 1.8 and 3.
    epsilon, exponent : float
        :math:`\epsilon` and :math:`k`. `exponent` has to be above 2, or the energy would be infinite.
    diameter : float
        :math:`D` in metres.
    wavelength : float
        :math:`\lambda` in Ångström.

    References
    ----------
    * Wachter, R., et al. 2012, Solar Physics 275, 261
    * Díaz Baso, C. J., & Asensio Ramos, A. 2018, A&A 614, A5, Eq. 6
    """

    round: ClassVar[bool] = True

    omega: float = 2.0
    width: float = 3.4
    epsilon: float = 0.1
    exponent: float = 3.0
    diameter: float = 0.14
    wavelength: float = 6173.0

    def __post_init__(self):
        check_positive(omega=self.omega, width=self.width, exponent=self.exponent)
        check_positive(diameter=self.diameter)
        check_wavelength(self.wavelength)
        if not (isinstance(self.epsilon, numbers.Real) and 0 <= self.epsilon <= 1):
            msg = f"epsilon is {self.epsilon!r}, expected a number from 0 to 1: it is a share"
            raise ValueError(msg)
        if not self.exponent > 2:
            msg = f"exponent is {self.exponent}, expected more than 2: with less the energy is infinite"
            raise ValueError(msg)

    @property
    def _per_arcsec(self):
        return np.pi * self.diameter / (self.wavelength * 1e-10) * np.deg2rad(1 / 3600)

    @property
    def _energies(self):
        """Energy of the core and of the halo, in units of r squared."""
        core = (1 - self.epsilon) * np.pi * self.omega**2
        # integral of x / (1 + x^k) from 0 to infinity = (pi/k) / sin(2 pi/k)
        halo = self.epsilon * 2 * np.pi * self.width**2 * (np.pi / self.exponent) / np.sin(2 * np.pi / self.exponent)
        return core, halo

    @property
    def limit(self):
        """Frequency in cycles per arcsec beyond which next to nothing passes: exp(-36) of the core."""
        return 12 / min(self.omega, self.width) * self._per_arcsec / (2 * np.pi)

    @u.quantity_input
    def profile(self, theta: u.arcsec):
        """Return the PSF at an angle from the axis, per square arcsec, with unit energy in the whole plane."""
        r = theta.to_value(u.arcsec) * self._per_arcsec
        value = (1 - self.epsilon) * np.exp(-((r / self.omega) ** 2))
        value = value + self.epsilon / (1 + (r / self.width) ** self.exponent)
        return value * self._per_arcsec**2 / sum(self._energies) / u.arcsec**2

    @u.quantity_input
    def transfer(self, frequency: u.arcsec**-1):
        r"""Return the transfer function (the PSF's Hankel transform, 1 at zero frequency).

        The core's is analytic. The halo's is that of :math:`(1+x^2)^{-k/2}`, which is known
        (:math:`(a/2)^\nu K_\nu(a) / \Gamma(\nu+1)` with :math:`\nu = k/2 - 1`), and the
        quickly decreasing difference between the two, by quadrature.
        """
        a = 2 * np.pi * np.abs(frequency.to_value(1 / u.arcsec)) / self._per_arcsec
        core, halo = self._energies
        lorentzian = np.interp(a * self.width, *_lorentzian_table(self.exponent), right=0.0)
        return (core * np.exp(-((a * self.omega / 2) ** 2)) + halo * lorentzian) / (core + halo)


@functools.cache
def _lorentzian_table(k, *, last=400.0, nodes=40_000):
    """Return frequencies and the Hankel transform of 1 / (1 + x^k) there, divided by its value at 0."""
    nu = k / 2 - 1
    table = np.concatenate([[0], np.geomspace(1e-4, 100, 600)])
    with np.errstate(invalid="ignore"):
        known = np.where(table > 0, (table / 2) ** nu * special.kv(nu, table) / special.gamma(nu + 1), 1 / (2 * nu))
    # Nodes that grow from the centre: dense where the integrand lives.
    x = last * np.linspace(0, 1, nodes) ** 2
    difference = x / (1 + x**k) - x * (1 + x**2) ** (-k / 2)
    step = np.gradient(x)
    step[[0, -1]] /= 2
    table_values = known + np.array([np.sum(difference * special.j0(value * x) * step) for value in table])
    return table, table_values / table_values[0]


@dataclasses.dataclass(frozen=True)
class AiryPSF:
    r"""The diffraction pattern of a circular aperture, with a central obscuration if it has one.

    .. math:: P(\theta) \propto \left[\frac{2 J_1(x)}{x}
              - \epsilon^2\, \frac{2 J_1(\epsilon x)}{\epsilon x}\right]^2,
              \qquad x = \frac{\pi D \theta}{\lambda}

    Parameters
    ----------
    diameter : float
        :math:`D` in metres; the default of 0.28 is the telescope that the paper aims at, twice HMI's.
    wavelength : float
        :math:`\lambda` in Ångström.
    obscuration : float
        :math:`\epsilon`, the diameter of the obscuration in units of the aperture's: at least 0, less than 1.

    References
    ----------
    * Born, M., & Wolf, E. 1999, Principles of Optics, 7th ed., Sect. 8.5.2 (disk) and 8.6.2 (annulus)
    * O'Neill, E. L. 1956, J. Opt. Soc. Am. 46, 285: transfer function of an annulus
    """

    round: ClassVar[bool] = True

    diameter: float = 0.28
    wavelength: float = 6173.0
    obscuration: float = 0.0

    def __post_init__(self):
        check_positive(diameter=self.diameter)
        check_wavelength(self.wavelength)
        if not (isinstance(self.obscuration, numbers.Real) and 0 <= self.obscuration < 1):
            msg = f"obscuration is {self.obscuration!r}, expected at least 0 and less than 1, the aperture itself"
            raise ValueError(msg)

    @property
    def _cutoff(self):
        """Highest frequency passed, in cycles per arcsec."""
        return self.diameter / (self.wavelength * 1e-10) * np.deg2rad(1 / 3600)

    @property
    def limit(self):
        """Frequency in cycles per arcsec beyond which nothing passes."""
        return self._cutoff

    @u.quantity_input
    def profile(self, theta: u.arcsec):
        """Return the PSF at an angle from the axis, per square arcsec, with unit energy in the whole plane."""
        x = np.pi * self._cutoff * theta.to_value(u.arcsec)
        safe = np.where(x == 0, 1, x)
        if not self.obscuration:
            return np.where(x == 0, 1, (2 * special.j1(safe) / safe) ** 2) * np.pi / 4 * self._cutoff**2 / u.arcsec**2
        hole = self.obscuration**2
        amplitude = 2 * special.j1(safe) / safe - 2 * self.obscuration * special.j1(self.obscuration * safe) / safe
        amplitude = np.where(x == 0, 1 - hole, amplitude)
        return amplitude**2 / (1 - hole) * np.pi / 4 * self._cutoff**2 / u.arcsec**2

    @u.quantity_input
    def transfer(self, frequency: u.arcsec**-1):
        """Return the transfer function: the autocorrelation of the aperture, zero beyond D / lambda."""
        s = np.clip(np.abs(frequency.to_value(1 / u.arcsec)) / self._cutoff, 0, 1)
        if not self.obscuration:
            return 2 / np.pi * (np.arccos(s) - s * np.sqrt(1 - s**2))
        # Aperture minus hole, with itself: disk on disk, twice disk on hole, hole on hole.
        overlaps = _overlap(2 * s, 1, 1) - 2 * _overlap(2 * s, 1, self.obscuration)
        overlaps = overlaps + _overlap(2 * s, self.obscuration, self.obscuration)
        return overlaps / (np.pi * (1 - self.obscuration**2))


@dataclasses.dataclass(frozen=True)
class DeltaPSF:
    """That of no telescope at all: a point stays a point. The target of a deconvolution without a target aperture."""

    round: ClassVar[bool] = True
    limit: ClassVar[float] = np.inf

    @u.quantity_input
    def transfer(self, frequency: u.arcsec**-1):
        """Return the transfer function, 1 at all frequencies."""
        return np.ones(np.shape(frequency))


def _overlap(distance, large, small):
    """Return the area that two disks of these radii have in common, their centres at a distance."""
    safe = np.clip(distance, max(large - small, 1e-12), large + small)
    from_large = (safe**2 + large**2 - small**2) / (2 * safe * large)
    from_small = (safe**2 + small**2 - large**2) / (2 * safe * small)
    kite = (large + small) ** 2 - safe**2, safe**2 - (large - small) ** 2
    segments = large**2 * np.arccos(np.clip(from_large, -1, 1)) + small**2 * np.arccos(np.clip(from_small, -1, 1))
    return segments - np.sqrt(np.clip(kite[0] * kite[1], 0, None)) / 2
