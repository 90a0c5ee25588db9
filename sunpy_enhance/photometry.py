"""From a Map to the numbers that a network takes, and back: units, limb, invalid pixels."""

import copy
import dataclasses
import warnings

import numpy as np

import astropy.units as u

from ._geometry import Disk
from ._metadata import enhanced_meta
from ._pixels import cubic, dilate, enlarge, fill, invalid, spans
from ._provenance import history_of, keywords_of
from ._quiet_sun import QuietSun
from ._quiet_sun_level import quiet_sun_of
from ._sigma import factor_at, widen_border
from ._threads import each_band
from ._trust import Flags

__all__ = ["LIMBS", "Calibration", "to_map", "to_network"]

LIMBS = ("mask", "enhance", "nan")


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What is needed to turn the network's output into a Map again.

    Attributes
    ----------
    data : numpy.ndarray
        The Map's.
    quiet_sun : QuietSun or None
        None for a magnetogram.
    to_unit : float
        Map units per network unit, quiet-Sun level apart.
    bad : numpy.ndarray of bool
        Pixels without a measurement.
    mu : numpy.ndarray
        Cosine of the heliocentric angle of each pixel, 0 off the disk.
    used : numpy.ndarray of bool
        Pixels whose enhanced values are used; the decision holds for all four of them.
    image : numpy.ndarray
        What the network is given.
    """

    data: np.ndarray
    quiet_sun: QuietSun | None
    to_unit: float
    bad: np.ndarray
    mu: np.ndarray
    used: np.ndarray
    image: np.ndarray

    def level(self, start, stop, scale=1, columns=slice(None)):
        """Return Map units per network unit at pixels, an array where it changes: see `QuietSun.rows`."""
        if self.quiet_sun is None:
            return self.to_unit
        mu = self.mu[start:stop, columns] if scale == 1 else None
        return self.to_unit * self.quiet_sun.rows(start, stop, scale, columns, mu)


def to_network(smap, card, quiet_sun=None, limb="mask"):
    """Turn a Map into what a network takes.

    Parameters
    ----------
    smap : sunpy.map.GenericMap
        Checked by `ModelCard.check`.
    card : ModelCard
    quiet_sun : number, array or astropy.units.Quantity, optional
    limb : {"mask", "enhance", "nan"}
        See `sunpy_enhance.enhance_map`.

    Returns
    -------
    image : numpy.ndarray
        float32, all finite, in the card's unit.
    calibration : Calibration

    Raises
    ------
    ValueError
        Where no valid pixel is on the disk, or `quiet_sun` does not fit the Map.
    """
    disk = Disk.of(smap)
    data = np.asarray(smap.data)  # of a dask array, once
    image = np.empty(data.shape, dtype=np.float32)
    mu = np.empty(data.shape, dtype=np.float32)
    bad = invalid(data, smap.meta, smap.mask)
    measured, used = np.empty_like(bad), np.empty_like(bad)
    lowest = 0.0 if limb == "enhance" else card.mu_validated

    def find_mu(start, stop):
        rows = slice(start, stop)
        mu[rows] = disk.mu(start, stop)
        measured[rows] = (mu[rows] > 0) & ~bad[rows]
        used[rows] = measured[rows] & (mu[rows] >= lowest)

    each_band(find_mu, len(data))
    if not measured.any():
        msg = "the Map has no valid pixel on the solar disk: there is nothing to enhance"
        raise ValueError(msg)

    if card.normalisation == "quiet_sun":
        surface, to_unit = quiet_sun_of(smap, data, disk, mu, measured, quiet_sun), 1.0
    else:
        if quiet_sun is not None:
            msg = "quiet_sun is for continuum Maps, this one is a magnetogram: leave it out"
            raise ValueError(msg)
        surface, to_unit = None, float(u.Unit(card.unit).to(smap.unit))

    calibration = Calibration(data, surface, to_unit, bad, mu, used, image)

    def normalise(start, stop):
        with np.errstate(invalid="ignore", over="ignore"):  # of bad pixels, which are filled below
            image[start:stop] = data[start:stop].astype(np.float64) / calibration.level(start, stop)

    each_band(normalise, len(data))
    if bad.any():
        # A little for the interpolation; and twice the halo, so that all that the network sees is smooth.
        fill(image, bad, 4, dilate(used, 2 * card.halo))
    return image, calibration


def to_map(enhanced, calibration, smap, network, limb, sigma=None):
    """Turn a network's output into a Map.

    Parameters
    ----------
    enhanced : numpy.ndarray
        float32; overwritten.
    calibration : Calibration
    smap : sunpy.map.GenericMap
        The input.
    network : sunpy_enhance._network.Network
    limb : {"mask", "enhance", "nan"}
    sigma : numpy.ndarray, optional
        float32; overwritten. It becomes the Map's uncertainty, and NaN wherever the Map is flagged: the network's
        error was measured nowhere there.

    Returns
    -------
    sunpy.map.GenericMap
        Of the input's class.
    """
    card, scale = network.card, network.card.scale
    used = calibration.used
    flags = Flags.of(calibration, card, limb)
    flags.warn(calibration, card, limb)
    flagged = flags.any()

    def restore(start, stop):
        rows, here = slice(scale * start, scale * stop), used[start:stop]
        for columns in spans(here):
            where = rows, slice(scale * columns.start, scale * columns.stop)
            level = calibration.level(start, stop, scale, columns)
            if sigma is not None:
                factor = factor_at(calibration.mu[start:stop, columns], enhanced[where], card.uncertainty)
                sigma[where] *= level * factor
            enhanced[where] *= level
        if sigma is not None:
            np.copyto(sigma[rows], np.nan, where=enlarge(flagged[start:stop]))
        if here.all():
            return
        lost = invalid(calibration.data[start:stop], smap.meta)  # masked pixels are not lost
        if limb == "nan":
            lost |= ~here
        np.copyto(enhanced[rows], np.nan, where=enlarge(lost))
        wanted = ~here & ~lost
        for columns in spans(wanted):
            block = enhanced[rows, scale * columns.start : scale * columns.stop]
            np.copyto(block, _input(smap, calibration, start, stop, columns), where=enlarge(wanted[:, columns]))

    each_band(restore, len(used))
    if sigma is not None:
        widen_border(sigma, card.uncertainty.get("border", ()), scale)
    mask = enlarge(flagged) if flagged.any() else None
    meta = enhanced_meta(smap, scale, keywords_of(network, limb), history_of(network, limb, calibration))
    # The norm and the colour map are objects: a plot of one Map must not change the other.
    settings = copy.deepcopy(smap.plot_settings)
    with warnings.catch_warnings():
        if not used.any():  # HMIMap looks for the largest field, and limb="nan" may have left none
            warnings.simplefilter("ignore", RuntimeWarning)
        more = {} if sigma is None else {"uncertainty": _uncertainty(sigma)}
        return smap._new_instance(enhanced, meta, plot_settings=settings, mask=mask, **more)


def _uncertainty(sigma):
    from astropy.nddata import StdDevUncertainty

    return StdDevUncertainty(sigma, copy=False)  # in the unit of the Map that it is given to


def _input(smap, calibration, start, stop, columns):
    """Interpolate the input between rows and columns in the Map's unit, invalid pixels filled."""
    rows = np.clip(np.arange(start - 2, stop + 2), 0, len(calibration.bad) - 1)
    low, high = rows[0], rows[-1] + 1
    # Two more columns where there are some, as at the Map's edge the outermost one is repeated.
    left = min(columns.start, 2)
    around = slice(columns.start - left, columns.stop + 2)
    where = slice(low, high), around
    data = calibration.data[where].astype(np.float32)
    holes = invalid(calibration.data[where], smap.meta)
    if holes.any():
        data[holes] = (calibration.image[where] * calibration.level(low, high, columns=around))[holes]
    return cubic(data[rows - low])[:, 2 * left : 2 * (left + columns.stop - columns.start)]
