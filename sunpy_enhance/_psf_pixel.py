"""The detector's pixel, as a part of the point spread function."""

import dataclasses
from typing import ClassVar

import numpy as np

import astropy.units as u

from ._arguments import check_positive, check_psf

__all__ = ["PixelPSF"]


@dataclasses.dataclass(frozen=True)
class PixelPSF:
    r"""What a detector of square pixels makes of a point spread function: each pixel takes the mean over its area.

    .. math:: T(q_x, q_y) = T_\mathrm{optics}(q_x, q_y)\,\mathrm{sinc}(p q_x)\,\mathrm{sinc}(p q_y),
              \qquad \mathrm{sinc}(x) = \frac{\sin \pi x}{\pi x}

    It is not round, though flips and transpositions leave it as it is where they leave the optics so.

    Parameters
    ----------
    optics : PSF
        Of the telescope.
    pixel : float
        Side :math:`p` of a pixel in arcsec; its sides lie along the axes of the image.

    References
    ----------
    * Bracewell, R. N. 2000, The Fourier Transform and Its Applications, 3rd ed.: transform of the rectangle
    """

    round: ClassVar[bool] = False

    optics: object
    pixel: float

    def __post_init__(self):
        check_psf(optics=self.optics)
        check_positive(pixel=self.pixel)

    @property
    def symmetric(self):
        """Whether flips of both axes and their transposition leave the PSF as it is."""
        return self.optics.round or self.optics.symmetric

    @property
    def limit(self):
        """Frequency in cycles per arcsec beyond which next to nothing passes."""
        return self.optics.limit if np.isfinite(self.optics.limit) else 40 / self.pixel

    @u.quantity_input
    def transfer_xy(self, frequency_x: u.arcsec**-1, frequency_y: u.arcsec**-1):
        """Return the transfer function at frequencies along x and y, which are broadcast; 1 at zero."""
        if self.optics.round:
            optics = self.optics.transfer(np.hypot(frequency_x, frequency_y))
        else:
            optics = self.optics.transfer_xy(frequency_x, frequency_y)
        sides = [np.sinc(self.pixel * q.to_value(1 / u.arcsec)) for q in (frequency_x, frequency_y)]
        return optics * sides[0] * sides[1]

    @u.quantity_input
    def mean_transfer(self, frequency: u.arcsec**-1):
        """Return the mean of the transfer function over all directions."""
        # Opposite directions have conjugate values: half a turn and the real part suffice. A pixel's transfer function
        # has no more harmonics over a turn than its side holds half periods, and few beyond.
        number = 16 + int(4 * self.pixel * np.max(np.abs(frequency.to_value(1 / u.arcsec))))
        angles = (np.arange(number) + 0.5) * np.pi / number
        total = sum(self.transfer_xy(frequency * np.cos(a), frequency * np.sin(a)).real for a in angles)
        return total / len(angles)
