"""The figures of a `~sunpy_enhance.validation.Check`, from images in units of the quiet Sun or in gauss."""

import numpy as np

import astropy.units as u

from sunpy_enhance._hmi import pixel_sides
from sunpy_enhance.validation.regimes import regimes
from sunpy_enhance.validation.spectra import largest_square, radial_power

__all__ = ["levels", "residual_by_regime", "spectra"]


def residual_by_regime(before, residual, used, kind, sigma):
    """Return {"all" or a regime: its pixels, and the RMS, bias, relative size and chi-square of its residual}.

    The noise sigma is that of each pixel.
    """
    result = {}
    for name, footprint in {"all": used, **regimes(before, kind)}.items():
        those = footprint & used
        error, value = residual[those], before[those]
        result[name] = {"pixels": int(those.sum())}
        if error.size:
            mean_square = float(np.mean(error**2))
            result[name] |= {
                "rms": float(np.sqrt(mean_square)),
                "bias": float(np.mean(error)),
                "relative": float(np.abs(error).sum() / np.abs(value).sum()),
                "chi_square": float(np.mean((error / sigma[those]) ** 2)),
            }
            if kind == "magnetogram":
                result[name]["strength"] = float(np.mean(np.sign(value) * error))
    return result


def levels(smap, before, after, valid, kind):
    """Return {figure: {"before": its value, "after": its value}} of all valid pixels; for a field its flux, too."""
    result = {}
    for image, footprint, scale in ((before, valid, 1), (after, valid.repeat(2, axis=0).repeat(2, axis=1), 2)):
        values = image[footprint]
        found = {
            "mean": np.mean(values, dtype=float),
            "unsigned": np.mean(np.abs(values), dtype=float),
            "contrast": np.std(values, dtype=float),
        }
        if kind == "magnetogram":
            side = (pixel_sides(smap)[0] / scale * u.arcsec).to_value(u.rad) * smap.meta["dsun_obs"] * 100
            found |= {
                "net_flux": found["mean"] * values.size * side**2,
                "unsigned_flux": found["unsigned"] * values.size * side**2,
            }
        for key, value in found.items():
            result.setdefault(key, {})["before" if scale == 1 else "after"] = float(value)
    return result


def spectra(before, after, residual, used, plate_scale):
    """Return {"before", "after" or "residual": (frequency, power)} of the largest square that is used."""
    part = largest_square(used)
    fine = tuple(slice(2 * s.start, 2 * s.stop) for s in part)
    images = {"before": (before[part], 1), "after": (after[fine], 2), "residual": (residual[part], 1)}
    return {name: radial_power(image, plate_scale / scale) for name, (image, scale) in images.items()}
