"""Point spread functions, transfer functions, degradation and re-degradation.

Only numpy, scipy and astropy: training, demonstration and validation all stand on it. The functions that
work on bare arrays take plate scales in arcsec per pixel; those that face the user take Quantities.
"""

import copy
import dataclasses
import functools

import numpy as np
from scipy import fft, ndimage, special

import astropy.units as u

__all__ = [
    "AiryPSF",
    "WachterPSF",
    "degrade",
    "psf_from_card",
    "redegrade",
    "redegrade_image",
    "transfer_function",
]

# Below this the target telescope passes next to nothing, so there is nothing there to be divided by.
_LOWEST_TARGET_TRANSFER = 1e-3


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


def transfer_function(psf, shape, plate_scale):
    """Return a PSF's transfer function on the frequencies of `scipy.fft.rfft2`.

    Parameters
    ----------
    psf : `WachterPSF`, `AiryPSF` or anything with their ``transfer``
    shape : (int, int)
        Shape of the image, (y, x).
    plate_scale : float
        Arcsec per pixel.

    Returns
    -------
    `numpy.ndarray`
        float32, shape ``(y, x // 2 + 1)``.
    """
    qy = fft.fftfreq(shape[0], plate_scale).astype(np.float32)
    qx = fft.rfftfreq(shape[1], plate_scale).astype(np.float32)
    # A PSF that is round has a transfer function of one variable: a table saves the large special functions.
    table = np.linspace(0, np.hypot(0.5, 0.5) / plate_scale * 1.01, 8192)
    values = psf.transfer(table / u.arcsec)
    return np.interp(np.hypot(qy[:, None], qx), table, values).astype(np.float32)


def degrade(image, psf, plate_scale, *, periodic=False):
    """Convolve an image with a PSF.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape (y, x), finite.
    psf : `WachterPSF`, `AiryPSF` or anything with their ``transfer``
    plate_scale : float
        Arcsec per pixel.
    periodic : bool
        Whether the image is; otherwise it is continued by its mirror image.

    Returns
    -------
    `numpy.ndarray`
        Same shape, float32.
    """
    ny, nx = image.shape
    padded = image if periodic else np.pad(image, ((0, ny), (0, nx)), mode="symmetric")
    spectrum = fft.rfft2(padded.astype(np.float32)) * transfer_function(psf, padded.shape, plate_scale)
    return fft.irfft2(spectrum, s=padded.shape)[:ny, :nx]


def redegrade_image(image, plate_scale, psf=None, target=None, *, margin=40.0):
    """Return what the smaller telescope would have seen of an image that the larger one has seen.

    The transfer function is the quotient of the two telescopes'. The result is sampled at the centres of
    blocks of 2x2 pixels, without integrating over them, as the networks' training data are.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape (2y, 2x), finite.
    plate_scale : float
        Arcsec per pixel of `image`.
    psf, target : PSF
        Of the smaller telescope (default `WachterPSF`) and of the larger (default `AiryPSF`).
    margin : float
        Arcsec by which the image is continued by its mirror image (never by more than its own size).

    Returns
    -------
    `numpy.ndarray`
        Shape (y, x), float32.
    """
    psf, target = psf or WachterPSF(), target or AiryPSF()
    pads = []
    for size in image.shape:
        before = min(int(margin / plate_scale) // 2 * 2, size)
        pads.append((before, fft.next_fast_len(size + 2 * before, real=True) - size - before))
    padded = np.pad(np.asarray(image, np.float32), pads, mode="symmetric")
    shape = padded.shape
    spectrum = fft.rfft2(padded, workers=-1, overwrite_x=True)
    del padded
    below = transfer_function(target, shape, plate_scale)
    passed = below > _LOWEST_TARGET_TRANSFER
    spectrum *= np.where(passed, transfer_function(psf, shape, plate_scale) / np.where(passed, below, 1), 0)
    # The centre of a block lies half a pixel beyond the centre of its first pixel.
    spectrum *= np.exp(1j * np.pi * fft.fftfreq(shape[0])).astype(np.complex64)[:, None]
    spectrum *= np.exp(1j * np.pi * fft.rfftfreq(shape[1])).astype(np.complex64)
    (y, _), (x, _) = pads
    full = fft.irfft2(spectrum, s=shape, workers=-1, overwrite_x=True)
    return full[y : y + image.shape[0] : 2, x : x + image.shape[1] : 2]


def redegrade(enhanced_map, *, psf=None, target=None):
    """Return the Map that HMI would have seen of an enhanced Map.

    Compare it with the Map that went into `sunpy_enhance.enhance_map`: what differs by more than noise is
    not in the data.

    Parameters
    ----------
    enhanced_map : `sunpy.map.GenericMap`
        An output of `sunpy_enhance.enhance_map`: its shape is even on both axes.
    psf, target : PSF, optional
        Of HMI (default `WachterPSF`) and of the telescope whose image `enhanced_map` is (default `AiryPSF`
        of 28 cm).

    Returns
    -------
    `sunpy.map.GenericMap`
        Of half the shape, at HMI's plate scale, NaN where any of the four pixels was.

    Raises
    ------
    ValueError
        Where the shape is odd or no pixel is finite.
    """
    data = enhanced_map.data
    if data.ndim != 2 or data.shape[0] % 2 or data.shape[1] % 2:
        msg = f"the Map has shape {data.shape}, expected the even shape of an enhanced Map"
        raise ValueError(msg)
    finite = np.isfinite(data)
    if not finite.any():
        msg = "the Map has no finite pixel, expected an enhanced Map"
        raise ValueError(msg)
    if not finite.all():
        nearest = ndimage.distance_transform_edt(~finite, return_distances=False, return_indices=True)
        data = data[tuple(nearest)]
        del nearest
    plate_scale = enhanced_map.scale.axis1.to_value(u.arcsec / u.pix)
    native = redegrade_image(data, abs(plate_scale), psf, target)
    blocks = finite.reshape(native.shape[0], 2, native.shape[1], 2).all(axis=(1, 3))
    native[~blocks] = np.nan

    meta = copy.deepcopy(enhanced_map.meta)
    for axis in "12":
        meta[f"crpix{axis}"] = (meta[f"crpix{axis}"] + 0.5) / 2
        for key in {f"cdelt{axis}", f"cd1_{axis}", f"cd2_{axis}"} & meta.keys():
            meta[key] = meta[key] * 2
    if "r_sun" in meta:
        meta["r_sun"] = meta["r_sun"] / 2
    for key in [key for key in meta if key.startswith("enh")]:
        del meta[key]
    meta["naxis1"], meta["naxis2"] = native.shape[1], native.shape[0]
    told = [meta.get("history"), "sunpy_enhance: degraded again to the resolution of HMI"]
    meta["history"] = "\n".join(filter(None, told))
    return enhanced_map._new_instance(native, meta, plot_settings=enhanced_map.plot_settings)
