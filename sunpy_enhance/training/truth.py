"""`Truth`, the one form in which every source hands over what it knows, and the units it comes in."""

import dataclasses
import numbers

import numpy as np

import astropy.units as u

__all__ = ["Truth", "angular_size", "calibrate"]


@dataclasses.dataclass(frozen=True)
class Truth:
    """One sharp image. A pair of continuum and field is two of them, read from one source, pixel on pixel.

    Parameters
    ----------
    image : `numpy.ndarray`
        (y, x), in units of the quiet Sun or in gauss.
    plate_scale : float
        Arcsec per pixel.
    source : str
        What the tables call it.
    periodic : bool
        Whether the image continues at its opposite border; otherwise its mirror image continues it.
    unit : {"", "G", None}
        Unit of the image: "" where the quiet Sun is 1, "G" for gauss, None where nobody said.
    licence : str
        Under which terms the source is given, if known.
    """

    image: np.ndarray
    plate_scale: float
    source: str
    periodic: bool = False
    unit: str | None = None
    licence: str = ""

    def __post_init__(self):
        if not np.isfinite(self.image).all():
            msg = f"{self.source}: the image has pixels that are not finite, expected a truth without gaps"
            raise ValueError(msg)


@u.quantity_input
def angular_size(length: u.m, distance: u.m = 1 * u.au):
    """Return the angle under which a length on the Sun is seen at disk centre.

    Parameters
    ----------
    length : `~astropy.units.Quantity`
        For example the spacing of a simulation's grid.
    distance : `~astropy.units.Quantity`
        Of the observer.

    Returns
    -------
    `~astropy.units.Quantity`
        In arcsec.

    Examples
    --------
    >>> import astropy.units as u
    >>> from sunpy_enhance.training.truth import angular_size
    >>> angular_size(48 * u.km).round(4)
    <Quantity 0.0662 arcsec>
    """
    return np.arctan2(length, distance).to(u.arcsec)


def calibrate(image, observable, path, *, unit="", level=None):
    """Bring an image to the unit of the networks.

    Parameters
    ----------
    image : `numpy.ndarray`
        (y, x), as the file has it.
    observable : {"continuum", "magnetogram", None}
        What the image shows.
    path : path
        Whose image it is, for the messages.
    unit : str
        Unit of the file's numbers, as `astropy.units` reads it; a scaled one for code units, like "1121 G".
        A field without one is in gauss.
    level : float, "mean" or None
        Intensity of the quiet Sun in the file's numbers, or the mean of the image for it; None where the image
        is in that unit already.

    Returns
    -------
    `numpy.ndarray`
        In units of the quiet Sun, or in gauss.

    Raises
    ------
    ValueError
        Where the unit is not one of the observable, or the level is not positive.
    """
    parsed = u.Unit(unit or "", parse_strict="silent")
    magnetic = parsed.is_equivalent(u.G)
    if observable == "magnetogram" or (observable is None and magnetic):
        if unit and not magnetic:
            msg = f"{path} is in {unit}, expected a unit of the magnetic field for a magnetogram: give its 'unit'"
            raise ValueError(msg)
        factor = parsed.to(u.G) if unit else 1.0
        return image if factor == 1 else image * factor
    if observable == "continuum" and magnetic:
        msg = f"{path} is in {unit}, expected an intensity for a continuum image: give the file of the intensity"
        raise ValueError(msg)
    if level is None:
        return image
    level = float(image.mean()) if level == "mean" else level
    if not (isinstance(level, numbers.Real) and level > 0):
        msg = f"{path}: the level of the quiet Sun is {level!r}, expected a positive intensity or 'mean'"
        raise ValueError(msg)
    return image / level
