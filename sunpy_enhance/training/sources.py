"""Truth: images of the Sun sharper than the 28 cm telescope that the networks imitate.

A source is a list of `Truth`: one image each, in the unit that a network works in, with its plate scale.
Files are named in the recipe with their SHA-256; what has to be done to them to serve as truth is a
function here, named in the recipe too.
"""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
from scipy import fft, ndimage

from astropy.io import fits

from sunpy_enhance.training.synthetic import synthetic_sun

__all__ = ["PREPARATIONS", "Truth", "read_truth", "sha256", "synthetic_truth"]


@dataclasses.dataclass(frozen=True)
class Truth:
    """One sharp image.

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
    """

    image: np.ndarray
    plate_scale: float
    source: str
    periodic: bool = False

    def __post_init__(self):
        if not np.isfinite(self.image).all():
            msg = f"{self.source}: the image has pixels that are not finite, expected a truth without gaps"
            raise ValueError(msg)


def _quiet_gain(shape, plate_scale):
    """Gain that gives SST wide-band granulation near 854 nm the spectrum of 617 nm continuum.

    The line forms higher up, where granulation has a third of its contrast: a factor of 3.1 gives the small
    scales the power of radiative-MHD simulations. Scales above some 4 arcsec, where the image shows
    other things than granulation, keep about half of that.
    """
    q = np.hypot(fft.fftfreq(shape[0], plate_scale)[:, None], fft.rfftfreq(shape[1], plate_scale))
    return 1.5 + 1.6 / (1 + np.exp(-(q - 0.28) / 0.06))


def sst_quiet(image, plate_scale):
    """Quiet Sun of SST/CRISP wide band near 854 nm as 617 nm continuum, in units of its mean."""
    image = image / image.mean() - 1
    ny, nx = image.shape
    mirrored = np.pad(image, ((0, ny), (0, nx)), mode="symmetric")
    spectrum = fft.rfft2(mirrored) * _quiet_gain(mirrored.shape, plate_scale)
    return np.maximum(1 + fft.irfft2(spectrum, s=mirrored.shape)[:ny, :nx], 0.05)


def sst_spot(image, plate_scale):
    """Sunspot of SST/CRISP wide band near 854 nm as 617 nm continuum, in units of the quiet Sun.

    The mean intensities of umbra and penumbra are lowered to those of the continuum by a power law, and the
    fine structure is raised as in `sst_quiet` where it is granulation, by two thirds of that in the spot.
    """
    image = image / np.percentile(image, 60)
    large = ndimage.gaussian_filter(image, 1.2 / plate_scale, mode="mirror")
    gain = np.interp(large, [0.5, 0.9], [2.0, 3.1])
    return np.maximum(large**1.4 * (1 + gain * (image / large - 1)), 0.03)


def as_is(image, plate_scale):  # noqa: ARG001 (one signature for all)
    """Take the image as it is."""
    return image


def shrunk_field(image, plate_scale, *, largest=3600.0):  # noqa: ARG001
    """Make a finely structured field of a remapped HMI magnetogram.

    It is shrunk by its plate scale in the recipe: never truth of what was observed, but a source of shapes that
    fields really have. The noise is taken off, and fields are raised towards kilogauss, which HMI's pixels dilute.
    """
    smooth = ndimage.gaussian_filter(image, 0.7)
    quiet = smooth - np.clip(smooth, -15, 15)
    return largest * np.tanh(1.5 * quiet / largest)


PREPARATIONS = {"as_is": as_is, "shrunk_field": shrunk_field, "sst_quiet": sst_quiet, "sst_spot": sst_spot}


def sha256(path):
    """Return the SHA-256 of a file."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_truth(directory, entry):
    """Read a file of the recipe; return the part for training and the part held out.

    Parameters
    ----------
    directory : path
        Where the files are.
    entry : dict
        The recipe's table: ``file``, ``sha256``, ``source``, ``plate_scale``, ``prepare``, ``extension`` (0),
        ``axis`` and ``held_out`` (fraction of that axis, at its end if positive, at its beginning if negative).

    Returns
    -------
    train, held_out : list of `Truth`
        Cut apart before anything is convolved, with a gap between them, so that neither has seen the other.

    Raises
    ------
    FileNotFoundError
        Where the file is not in `directory`.
    ValueError
        Where it is another file than the recipe's, or no image.
    """
    path = Path(directory) / entry["file"]
    if not path.exists():
        msg = f"training file {path} does not exist: give its folder with --data"
        raise FileNotFoundError(msg)
    if sha256(path) != entry["sha256"]:
        msg = f"training file {path} is not the recipe's: its SHA-256 is {sha256(path)}"
        raise ValueError(msg)
    image = np.asarray(fits.getdata(path, entry.get("extension", 0)), dtype=float)
    if image.ndim != 2:
        msg = f"training file {path} has {image.ndim} dimensions, expected an image"
        raise ValueError(msg)
    plate_scale = entry["plate_scale"]
    image = PREPARATIONS[entry["prepare"]](image, plate_scale)
    fraction, axis = entry.get("held_out", 0), entry.get("axis", 0)
    cut = round(image.shape[axis] * (1 - fraction if fraction >= 0 else -fraction))
    gap = round(1.5 / plate_scale)
    first, second = (image[:cut], image[cut + gap :]) if axis == 0 else (image[:, :cut], image[:, cut + gap :])
    train, held_out = (first, second) if fraction >= 0 else (second, first)
    parts = [[Truth(part, plate_scale, entry["source"])] if part.size else [] for part in (train, held_out)]
    return parts[0], parts[1] if fraction else []


def synthetic_truth(observable, kind, *, seed, shape=(1024, 1024), mu=1.0):
    """Return a scene of `sunpy_enhance.training.synthetic` as `Truth`.

    Parameters
    ----------
    observable : {"continuum", "magnetogram"}
    kind : str
        One of `sunpy_enhance.training.synthetic.KINDS`.
    seed : int
    shape : (int, int)
    mu : float
        Cosine of the heliocentric angle.
    """
    scene = synthetic_sun(kind, shape, seed=seed, mu=mu)
    image = scene.continuum if observable == "continuum" else scene.field
    return Truth(image, scene.plate_scale, f"synthetic {kind}", periodic=True)
