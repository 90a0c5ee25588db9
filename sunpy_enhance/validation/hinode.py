"""An enhanced Map held against one of a larger telescope: Hinode's 50 cm, degraded to the 28 cm that is aimed at."""

import copy
import dataclasses
import re

import numpy as np

import astropy.units as u

from sunpy_enhance._arguments import check_image
from sunpy_enhance._hmi import pixel_sides
from sunpy_enhance.validation._alignment import fill_gaps, find_shift, move, onto_one_grid

__all__ = ["Comparison", "compare"]

# Arcsec within which the larger telescope's Map is continued by its mirror image.
_MARGIN = 20.0
# Below this share of the light the aperture of the reference passes too little to be divided by.
_LOWEST_TRANSFER = 1e-2
# Wavelengths without a unit are in Angstrom from here on: smaller numbers may be nanometres.
_SURELY_ANGSTROM = 3000
# Hinode's headers name the filter, most by its wavelength in Angstrom ("G band 4305"), and this one without.
_FILTER, _CALCIUM = re.compile(r"(?<!\d)\d{4}(?!\d)"), ("ca ii h", 3968.5)
# Keywords that say what an image is of, not where it lies.
_NAMES = (
    "telescop",
    "instrume",
    "detector",
    "obsrvtry",
    "origin",
    "content",
    "obs_type",
    "wavelnth",
    "waveunit",
    "wave",
)


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    enhanced, reference : sunpy.map.GenericMap
        The part that both show, on the enhanced Map's pixels; the reference, under its own name, degraded, shifted, in
        the enhanced Map's unit if it can be converted, and NaN where it has no data.
    shift : astropy.units.Quantity
        By how much (x, y) the reference was moved along the enhanced Map's pixel axes, in pixels.
    correlation : float
        Pearson's.
    slope, intercept : float
        Of the straight line enhanced = slope reference + intercept, by least squares, each in its Map's unit.
    contrast : dict
        "enhanced" and "reference" to the standard deviation over the mean, so that intensities in any units can be
        compared; of a field, the standard deviation in the enhanced Map's unit.
    used : numpy.ndarray of bool
        Pixels that the figures are of.
    """

    enhanced: object = dataclasses.field(repr=False)
    reference: object = dataclasses.field(repr=False)
    shift: u.Quantity
    correlation: float
    slope: float
    intercept: float
    contrast: dict
    used: np.ndarray = dataclasses.field(repr=False)

    def __str__(self):
        x, y = self.shift.value
        told = ", ".join(f"{name} {value:.4g}" for name, value in self.contrast.items())
        return (
            f"{self.used.sum():,} pixels, reference shifted by ({x:+.2f}, {y:+.2f}) pixels: correlation "
            f"{self.correlation:.4f}, slope {self.slope:.4g}, contrast {told}"
        )

    def plot(self, figure=None):
        """Draw both side by side, and one against the other.

        Parameters
        ----------
        figure : matplotlib.figure.Figure, optional
            An empty one to draw on; by default a new one, which pyplot does not know of.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from sunpy_enhance.validation._figures import compare_page

        return compare_page(self, figure)


@u.quantity_input
def compare(
    enhanced,
    reference_map,
    *,
    aperture: u.cm = 50 * u.cm,
    target: u.cm = 28 * u.cm,
    largest_shift: u.arcsec = 10 * u.arcsec,
):
    """Compare an enhanced Map with one of a larger telescope, such as Hinode's.

    The reference is degraded to the aperture that enhanced Maps are of: its transfer function is multiplied by the
    quotient of the two (unobstructed) apertures', the one at HMI's wavelength, the other at the reference's (WAVELNTH,
    or Hinode's WAVE; HMI's where the header has neither). It is brought onto the enhanced Map's pixels by the headers,
    with the Sun's rotation between the two times, and moved by the shift that a cross-correlation finds: pointing is
    known to seconds of arc at best.

    Parameters
    ----------
    enhanced : sunpy.map.GenericMap
        Output of `sunpy_enhance.enhance_map`.
    reference_map : sunpy.map.GenericMap
        Of Hinode/SOT BFI (0.109 arcsec) or SP (0.16 or 0.30 arcsec), or of any other telescope larger than `target`:
        with helioprojective coordinates, its scale and rotation, taken within minutes of the other. Masked pixels are
        left out.
    aperture : astropy.units.Quantity, optional
        Diameter of the telescope of the reference; pass `target` for a reference that needs no degradation.
    target : astropy.units.Quantity, optional
        Diameter of the telescope that the enhanced Map is an image of.
    largest_shift : astropy.units.Quantity, optional
        How far to look, to the nearest pixel of the enhanced Map, and at most a third of the part that both show.

    Returns
    -------
    Comparison

    Raises
    ------
    TypeError
        Where one of the two is not a sunpy Map.
    ValueError
        Where one is a Map of standard deviations, one is a field and the other an intensity, the reference's
        telescope resolves less, its wavelength is unclear, the Maps do not overlap by at least 32 pixels along both
        axes, a diameter or the largest shift is not one positive and finite number, or nothing in common is found
        within that shift.

    Notes
    -----
    Where the reference has coarser pixels than the enhanced Map, as SP's fast maps of 0.30 arcsec have, it lacks some
    of the finest structure that a telescope of `target` shows; nothing makes up for that.

    A Map is one of a field where its unit is that of a magnetic field. Where neither has a unit, negative values tell.
    """
    from sunpy.map import GenericMap

    check_image(enhanced=enhanced, reference_map=reference_map)
    for name, value in (("aperture", aperture), ("target", target), ("largest_shift", largest_shift)):
        if not (value.isscalar and np.isfinite(value) and value > 0):
            msg = f"{name} is {value}, expected one Quantity of more than nothing, and finite: give such a one"
            raise ValueError(msg)
    if aperture < target:
        msg = f"the telescope of the reference has {aperture}, expected at least the {target} that is compared with"
        raise ValueError(msg)
    data = _valid(reference_map)
    signed = _is_field(enhanced, reference_map, data)
    factor = _factor(reference_map.unit, enhanced.unit)
    reference = reference_map._new_instance(data * np.float32(factor or 1), reference_map.meta)
    part, image = onto_one_grid(_degrade(reference, aperture, target), enhanced)
    ours = np.array(part.data, dtype=float)
    if part.mask is not None:
        ours[part.mask] = np.nan
    pixels = largest_shift.to_value(u.arcsec) / pixel_sides(enhanced)[0]
    shift = find_shift(ours, image, pixels)
    moved = move(image, shift)
    used = np.isfinite(ours) & np.isfinite(moved)
    a, b = moved[used], ours[used]
    slope, intercept = np.polyfit(a, b, 1)
    told = f"degraded from {aperture} to {target}, shifted by ({shift[1]:+.2f}, {shift[0]:+.2f}) pixels"
    meta = _named_as(reference_map, part.meta, told, own_unit=factor is None)
    # HMI's coordinates are of T_OBS, which no other class of Map looks at.
    meta["date-avg"] = getattr(part.reference_date, meta.get("timesys", "utc").lower()).isot
    contrast = {
        name: float(values.std() / (1 if signed else values.mean()))
        for name, values in (("enhanced", b), ("reference", a))
    }
    return Comparison(
        enhanced=part,
        reference=GenericMap(moved.astype(np.float32), meta),
        shift=shift[::-1] * u.pix,
        correlation=float(np.corrcoef(a, b)[0, 1]),
        slope=float(slope),
        intercept=float(intercept),
        contrast=contrast,
        used=used,
    )


def _valid(reference):
    """Return the reference's data as float32, NaN where there is no measurement."""
    from sunpy_enhance._pixels import invalid

    data = np.asarray(reference.data)
    bad = invalid(data, reference.meta, reference.mask)
    if bad.all():
        msg = "the reference has no finite pixel that is not masked, expected an image"
        raise ValueError(msg)
    return np.where(bad, np.nan, data).astype(np.float32)


def _is_field(enhanced, reference, data):
    """Tell whether both are of a magnetic field, and raise where one is and the other is not."""
    known = {
        name: smap.unit.is_equivalent(u.G)
        for name, smap in (("enhanced Map", enhanced), ("reference", reference))
        if smap.unit is not None
    }
    if not known:
        return bool(np.nanmin(data) < 0)
    if len(set(known.values())) == 2:
        told = " and ".join(f"the {name} is {'a field' if field else 'an intensity'}" for name, field in known.items())
        msg = f"by the units {told}, expected two of a kind: give a reference of the same observable, or set its BUNIT"
        raise ValueError(msg)
    return any(known.values())


def _factor(unit, wanted):
    """Return what turns one unit into another, or None where nothing does: counts differ from camera to camera."""
    if unit is None or wanted is None or not unit.is_equivalent(wanted):
        return None
    return unit.to(wanted)


def _named_as(reference, meta, history, *, own_unit):
    """Return a header with these coordinates, but the names of the reference, and its unit where asked for."""
    meta = copy.deepcopy(meta)
    for key in [key for key in meta if key in _NAMES or key.startswith("enh")]:
        del meta[key]
    meta |= {key: reference.meta[key] for key in _NAMES if key in reference.meta}
    if own_unit:
        meta.pop("bunit", None)
        if reference.unit is not None and "bunit" in reference.meta:
            meta["bunit"] = reference.meta["bunit"]
    meta["history"] = f"sunpy_enhance.validation.compare: {history}, on the pixels of an enhanced Map"
    return meta


def _wavelength(reference):
    """Return the reference's wavelength in Angstrom as a keyword of a PSF, or none where its header tells nothing."""
    if not reference.meta.get("wavelnth"):
        name = str(reference.meta.get("wave") or "")
        if not name:
            return {}
        if name.lower().startswith(_CALCIUM[0]):
            return {"wavelength": _CALCIUM[1]}
        if not (found := _FILTER.search(name)):
            msg = f"the reference is of {name!r} (WAVE), which tells no wavelength: set WAVELNTH and WAVEUNIT"
            raise ValueError(msg)
        return {"wavelength": float(found[0])}
    value = reference.wavelength
    if value.unit == u.dimensionless_unscaled:  # SunPy's, where WAVEUNIT is missing
        if value < _SURELY_ANGSTROM:
            msg = f"the reference has WAVELNTH = {value:g} without a unit: set WAVEUNIT in its header, such as 'nm'"
            raise ValueError(msg)
        value = value.value * u.AA
    return {"wavelength": float(value.to_value(u.AA))}


def _degrade(reference, aperture, target):
    """Return what the smaller aperture would have seen; NaN stay NaN, and count as the nearest value for the others."""
    from scipy import fft

    from sunpy_enhance.optics import AiryPSF, transfer_function

    if aperture == target:
        return reference
    data = fill_gaps(reference.data)
    large_psf = AiryPSF(aperture.to_value(u.m), **_wavelength(reference))
    small_psf = AiryPSF(target.to_value(u.m))  # at HMI's wavelength
    if large_psf.limit < small_psf.limit:
        msg = (
            f"the reference ({aperture}, {large_psf.wavelength:g} Angstrom) passes up to {large_psf.limit:.2f} cycles "
            f"per arcsec, expected at least the {small_psf.limit:.2f} of {target}: give one that resolves more"
        )
        raise ValueError(msg)
    scales = pixel_sides(reference)[::-1].tolist()
    pads = []
    for size, scale in zip(data.shape, scales, strict=True):
        before = min(int(_MARGIN / scale), size)
        pads.append((before, fft.next_fast_len(size + 2 * before, real=True) - size - before))
    padded = np.pad(data, pads, mode="symmetric")
    # SP's maps have other steps along the slit than across it: frequencies are those of each axis.
    if scales[0] == scales[1]:
        small, large = (transfer_function(psf, padded.shape, scales[0]) for psf in (small_psf, large_psf))
    else:
        qy, qx = fft.fftfreq(padded.shape[0], scales[0]), fft.rfftfreq(padded.shape[1], scales[1])
        small, large = (psf.transfer(np.hypot(qy[:, None], qx) / u.arcsec) for psf in (small_psf, large_psf))
    passed = large > _LOWEST_TRANSFER
    spectrum = fft.rfft2(padded) * np.where(passed, small / np.where(passed, large, 1), 0)
    (y, _), (x, _) = pads
    result = fft.irfft2(spectrum, s=padded.shape)[y : y + data.shape[0], x : x + data.shape[1]]
    result[~np.isfinite(reference.data)] = np.nan
    return reference._new_instance(result.astype(np.float32), reference.meta)
