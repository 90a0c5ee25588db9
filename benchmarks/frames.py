"""Real HMI frames, and flat ones with nothing but noise, for the benchmarks."""

import numpy as np

import astropy.units as u
from astropy.io import fits

import sunpy.map

from sunpy_enhance import enhance_map
from sunpy_enhance._network import apply_tiled, load_network
from sunpy_enhance._pixels import cubic, rows_of
from sunpy_enhance.demo import cutout_header
from sunpy_enhance.optics import psf_from_card, redegrade_image
from sunpy_enhance.validation.scores import POWER_BANDS, score

PLATE_SCALE = 0.504
AR_11158 = "AR 11158"
FULL_DISKS = {"continuum": "fulldisk_continuum_20230131", "magnetogram": "fulldisk_magnetogram_20220802"}
# Rows and columns without activity in the cutouts of AR 11158.
_QUIET_SUN = np.s_[150:200, 50:150]
# Quiet pixels of a magnetogram, and a gradient that no flux nearby explains, in gauss (per pixel).
_QUIET_FIELD, _FLAT = 20, 10


def active_region(data, observable):
    """Return the real cutout of AR 11158 as a Map: it has no header, so it gets one of a cutout at disk centre."""
    image = fits.getdata(data / f"hmi/ar11158_{observable}_200x200.fits").astype(np.float32)
    header = cutout_header(observable, image.shape, (0.0, 0.0)) | {"origin": "SDO/HMI", "history": ""}
    return sunpy.map.Map(image, header)


def full_disk(data, observable):
    """Return the full disk as a Map."""
    return sunpy.map.Map(data / f"hmi/{FULL_DISKS[observable]}.fits")


def real_frames(data, observable, *, size=300):
    """Return the real frames of an observable, AR 11158 and the middle of the full disk, with their unit.

    The unit is the quiet Sun in the numbers of the frame: 1 in AR 11158, and the median where all is quiet.
    """
    disk = full_disk(data, observable)
    x, y = (round(centre.value) for centre in disk.reference_pixel)
    corner = [x - size // 2, y - size // 2] * u.pix
    middle = disk.submap(corner, width=(size - 1) * u.pix, height=(size - 1) * u.pix)
    level = np.median(middle.data) if observable == "continuum" else 1.0
    return {AR_11158: (active_region(data, observable), 1.0), "middle of the full disk": (middle, level)}


def restore(smap, model):
    """Return a frame at twice the sampling: enhanced, or interpolated where `model` is None."""
    return _cubic(smap.data) if model is None else enhance_map(smap, model=model, device="cpu").data


def frame_figures(image, smap, card, *, level=1.0):
    """Score what HMI would have seen of a result against what it saw, and say what is in the result.

    Parameters
    ----------
    image : `numpy.ndarray`
        The result, (2y, 2x).
    smap : `sunpy.map.GenericMap`
        What HMI saw, (y, x).
    card : `sunpy_enhance.ModelCard`
        Names the optics.
    level : float
        The quiet Sun in the numbers of the Map; 1 for a field.

    Returns
    -------
    dict
        Those of `sunpy_enhance.validation.scores.score` for the re-degraded result as far as HMI has the frequencies,
        ``residual``, and figures of the result itself and of HMI's image (``..._in``), in units of `level`.
    """
    magnetic = smap.measurement == "magnetogram"
    seen, image = smap.data / float(level), image / level
    psf, target = psf_from_card(**card.psf), psf_from_card(**card.target)
    again = redegrade_image(image, PLATE_SCALE / 2, psf, target)
    figures = score(again[None], seen[None], PLATE_SCALE)
    del figures[list(POWER_BANDS)[-1]]  # beyond HMI's pixels
    figures["residual"] = figures["rms"]
    quiet = np.abs(seen) < _QUIET_FIELD
    flat = quiet & (np.hypot(*np.gradient(seen)) < _FLAT)
    for suffix, frame in {"": image, "_in": _doubled(seen)}.items():
        if magnetic:
            figures |= {
                f"quiet{suffix}": _rms(frame[_doubled(quiet)]),
                f"flat{suffix}": _rms(frame[_doubled(flat)]),
                f"mean{suffix}": frame.mean(dtype=float),
                f"unsigned{suffix}": np.abs(frame).mean(dtype=float),
                f"strongest{suffix}": np.abs(frame).max(),
            }
        else:
            part = tuple(slice(2 * s.start, 2 * s.stop) for s in _QUIET_SUN)
            figures |= {
                f"quiet{suffix}": frame[part].std() / frame[part].mean(),
                f"mean{suffix}": frame.mean(dtype=float),
                f"darkest{suffix}": frame.min(),
            }
    return {key: float(value) for key, value in figures.items()}


def flat_frame(observable, noise, *, size=256, seed=0):
    """Return a flat image, the quiet Sun or no field, with nothing but white noise."""
    level = 1.0 if observable == "continuum" else 0.0
    return np.random.default_rng(seed).normal(level, noise, (size, size)).astype(np.float32)


def noise_out(image, model):
    """Return the standard deviation of what comes out for a flat image, and its mean minus that of the image."""
    result = _cubic(image) if model is None else apply_tiled(load_network(model, "cpu"), image)
    return float(result.std(dtype=float)), float(result.mean(dtype=float) - image.mean(dtype=float))


def _cubic(image):
    return cubic(rows_of(image.astype(np.float32), 0, len(image)))


def _doubled(image):
    return image.repeat(2, axis=0).repeat(2, axis=1)


def _rms(values):
    return np.sqrt(np.mean(values.astype(float) ** 2))
