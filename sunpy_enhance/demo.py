"""HMI-like Maps that the package makes itself, with the truth behind them."""

import functools

import numpy as np
from scipy import ndimage

from .optics import AiryPSF, WachterPSF, degrade

__all__ = ["compare", "cutout_header", "demo_maps", "demo_truth"]

_PLATE_SCALE = 0.504
_NOISE = {"continuum": 1e-3, "magnetogram": 10.0}
# Quiet Sun at disk centre: the order of HMI's.
_LEVEL = 55000.0


def cutout_header(observable, shape, centre):
    """Return a header as JSOC's cutouts of hmi.Ic_45s and hmi.M_45s have it.

    Parameters
    ----------
    observable : {"continuum", "magnetogram"}
    shape : (int, int)
        (y, x) of the image.
    centre : (float, float)
        Helioprojective coordinates of its centre in arcsec.

    Returns
    -------
    dict
    """
    # HMI's camera is upside down with respect to solar north.
    crota2, rsun_obs = 179.93, 971.67
    turn = np.deg2rad(crota2)
    x, y = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) @ centre / _PLATE_SCALE
    content, unit = ("CONTINUUM INTENSITY", "DN/s") if observable == "continuum" else ("MAGNETOGRAM", "Gauss")
    return {
        "telescop": "SDO/HMI",
        "instrume": "HMI_FRONT2",
        "wavelnth": 6173.0,
        "content": content,
        "bunit": unit,
        "origin": "sunpy_enhance.demo (synthetic)",
        # When the observer below was between the Earth and the Sun.
        "date-obs": "2011-02-15T01:50:03.500",
        "t_obs": "2011.02.15_01:51:00.000_TAI",
        "t_rec": "2011.02.15_01:51:00_TAI",
        "cadence": 45.0,
        "ctype1": "HPLN-TAN",
        "ctype2": "HPLT-TAN",
        "cunit1": "arcsec",
        "cunit2": "arcsec",
        "crpix1": (shape[1] + 1) / 2 - x,
        "crpix2": (shape[0] + 1) / 2 - y,
        "crval1": 0.0,
        "crval2": 0.0,
        "cdelt1": _PLATE_SCALE,
        "cdelt2": _PLATE_SCALE,
        "crota2": crota2,
        "rsun_obs": rsun_obs,
        "r_sun": rsun_obs / _PLATE_SCALE,
        "rsun_ref": 696000000.0,
        "dsun_obs": 147746220503.41,
        "crln_obs": 21.725103,
        "crlt_obs": -6.8279,
        "car_rot": 2106,
        "quality": 0,
        "history": "synthetic data made by sunpy_enhance, not an observation",
    }


def _seen(image, scene_scale, psf, plate_scale, shape):
    """Return what a telescope sees of a periodic image, sampled about its middle."""
    blurred = degrade(image, psf, scene_scale, periodic=True)
    grids = (
        (np.arange(n) - (n - 1) / 2) * plate_scale / scene_scale + (size - 1) / 2
        for n, size in zip(shape, image.shape, strict=True)
    )
    return ndimage.map_coordinates(blurred, np.meshgrid(*grids, indexing="ij"), order=3, mode="grid-wrap")


@functools.lru_cache(maxsize=1)
def demo_truth(shape=(200, 200), *, seed=11):
    """Make a synthetic sunspot as HMI and as a 28 cm telescope see it.

    Parameters
    ----------
    shape : (int, int)
        Of HMI's image.
    seed : int

    Returns
    -------
    dict
        Observable to (image at 0.504 arcsec with noise, truth at 0.252 arcsec), the continuum in units of the
        quiet Sun, the field in gauss.
    """
    from .training import synthetic

    size = int(np.ceil(max(shape) * _PLATE_SCALE / synthetic.PLATE_SCALE / 64)) * 64
    scene = synthetic.synthetic_sun("spot", (size, size), seed=seed)
    rng = np.random.default_rng(seed)
    result = {}
    for observable, image in (("continuum", scene.continuum), ("magnetogram", scene.field)):
        fine = tuple(2 * n for n in shape)
        seen = _seen(image, scene.plate_scale, WachterPSF(), _PLATE_SCALE, shape)
        truth = _seen(image, scene.plate_scale, AiryPSF(), _PLATE_SCALE / 2, fine)
        noisy = seen + rng.normal(0, _NOISE[observable], shape)
        result[observable] = noisy.astype(np.float32), truth.astype(np.float32)
        for array in result[observable]:
            array.setflags(write=False)  # they are kept and given again
    return result


def demo_maps(shape=(200, 200), *, seed=11):
    """Make an HMI-like continuum and magnetogram cutout of a synthetic sunspot.

    They have the header of a JSOC cutout, about 200 arcsec from disk centre, with limb darkening and HMI's noise.

    Parameters
    ----------
    shape : (int, int)
        (y, x) pixels of 0.504 arcsec.
    seed : int

    Returns
    -------
    continuum, magnetogram : `sunpy.map.sources.HMIMap`

    Examples
    --------
    >>> from sunpy_enhance.demo import demo_maps
    >>> continuum, magnetogram = demo_maps((64, 64))
    >>> magnetogram.unit
    Unit("G")
    """
    import sunpy.map

    from ._geometry import Disk
    from ._quiet_sun import limb_darkening

    maps = []
    for observable, (image, _) in demo_truth(shape, seed=seed).items():
        smap = sunpy.map.Map(image.copy(), cutout_header(observable, shape, (-160.0, 120.0)))
        if observable == "continuum":
            darkened = image * _LEVEL * limb_darkening(Disk.of(smap).mu())
            smap = sunpy.map.Map(darkened.astype(np.float32), smap.meta)
        maps.append(smap)
    return tuple(maps)


def compare(smap, enhanced, *, seed=11):
    """Compare a demonstration Map and its enhanced Map with the truth.

    Parameters
    ----------
    smap, enhanced : `sunpy.map.GenericMap`
        One of `demo_maps` (of the same `seed`) and what `sunpy_enhance.enhance_map` made of it.
    seed : int

    Returns
    -------
    list of str
        Contrast or field statistics before, after and in the truth; the error against the truth of the network and
        of bicubic interpolation; and the residual of the re-degraded Map against the input.
    """
    from ._geometry import Disk
    from ._pixels import cubic, rows_of
    from ._quiet_sun import limb_darkening
    from .optics import redegrade

    continuum = smap.measurement == "continuum"
    truth = demo_truth(smap.data.shape, seed=seed)[smap.measurement][1]
    fine = coarse = np.float32(1)
    if continuum:
        fine, coarse = (_LEVEL * limb_darkening(Disk.of(smap).mu(scale=scale)) for scale in (2, 1))
    before, after = smap.data / coarse, enhanced.data / fine
    bicubic = cubic(rows_of(before, 0, len(before)))
    residual = redegrade(enhanced).data / coarse - before

    def rms(error):
        value = np.sqrt(np.mean(np.square(error, dtype=float)))
        return f"{100 * value:.2f} %" if continuum else f"{value:.1f} G"

    images = {"HMI": before, "enhanced": after, "truth": truth}
    if continuum:
        contrast = {name: 100 * _quiet_contrast(image) for name, image in images.items()}
        statistics = [
            "quiet-Sun contrast: " + ", ".join(f"{name} {value:.2f} %" for name, value in contrast.items()),
            "darkest pixel: " + ", ".join(f"{name} {i.min():.3f}" for name, i in images.items()),
        ]
    else:
        statistics = [
            "strongest field: " + ", ".join(f"{name} {np.abs(i).max():.0f} G" for name, i in images.items()),
            "mean field: " + ", ".join(f"{name} {i.mean(dtype=float):+.2f} G" for name, i in images.items()),
            "mean |B|: " + ", ".join(f"{name} {np.abs(i).mean(dtype=float):.1f} G" for name, i in images.items()),
        ]
    return [
        *statistics,
        f"RMS error against the truth: enhanced {rms(after - truth)}, bicubic {rms(bicubic - truth)}",
        f"re-degraded minus input: RMS {rms(residual)} (noise {rms(_NOISE[smap.measurement])})",
    ]


def _quiet_contrast(image):
    """Return the standard deviation over the mean in the border strips, where there is no spot."""
    strip = len(image) // 8
    strips = np.concatenate([image[:strip].ravel(), image[-strip:].ravel()])
    return strips.std() / strips.mean()
