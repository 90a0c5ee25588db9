"""Point spread functions: profiles and transfer functions."""

import dataclasses
import functools

import numpy as np
from scipy import special

import astropy.units as u

__all__ = ["AiryPSF", "WachterPSF", "psf_from_card"]


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

    omega: float = 2.0
    width: float = 3.4
    epsilon: float = 0.1
    exponent: float = 3.0
    diameter: float = 0.14
    wavelength: float = 6173.0

    def __post_init__(self):
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
    """The diffraction pattern of a circular, unobstructed aperture.

    Parameters
    ----------
    diameter : float
        In metres; the default of 0.28 is the telescope that the paper aims at, twice HMI's.
    wavelength : float
        In Ångström.
    """

    diameter: float = 0.28
    wavelength: float = 6173.0

    @property
    def _cutoff(self):
        """Highest frequency passed, in cycles per arcsec."""
        return self.diameter / (self.wavelength * 1e-10) * np.deg2rad(1 / 3600)

    @u.quantity_input
    def profile(self, theta: u.arcsec):
        """Return the PSF at an angle from the axis, per square arcsec: (2 J1(x)/x)^2 of unit energy."""
        x = np.pi * self._cutoff * theta.to_value(u.arcsec)
        safe = np.where(x == 0, 1, x)
        return np.where(x == 0, 1, (2 * special.j1(safe) / safe) ** 2) * np.pi / 4 * self._cutoff**2 / u.arcsec**2

    @u.quantity_input
    def transfer(self, frequency: u.arcsec**-1):
        """Return the transfer function: the autocorrelation of a disk, zero beyond D / lambda."""
        s = np.clip(np.abs(frequency.to_value(1 / u.arcsec)) / self._cutoff, 0, 1)
        return 2 / np.pi * (np.arccos(s) - s * np.sqrt(1 - s**2))


_PSFS = {"wachter": WachterPSF, "airy": AiryPSF}


def psf_from_card(kind, **parameters):
    """Return the PSF that a model card describes.

    Parameters
    ----------
    kind : {"wachter", "airy"}
        Which.
    **parameters
        Those of `WachterPSF` or `AiryPSF`.

    Returns
    -------
    `WachterPSF` or `AiryPSF`

    Raises
    ------
    ValueError
        For an unknown `kind`.
    """
    if kind not in _PSFS:
        msg = f"PSF {kind!r} is unknown, expected one of {sorted(_PSFS)}"
        raise ValueError(msg)
    return _PSFS[kind](**parameters)
