"""How well a restoration does where the truth is known."""

import dataclasses

import numpy as np
import torch
from scipy import fft
from torch.nn import functional

from sunpy_enhance.optics import redegrade_image
from sunpy_enhance.training.dataset import Patches, sample_patches
from sunpy_enhance.training.networks import crop
from sunpy_enhance.training.recipe import HELD_OUT_SEEDS
from sunpy_enhance.training.sources import synthetic_truth
from sunpy_enhance.training.uncertainty import coverage

__all__ = ["POWER_BANDS", "evaluate", "oddness", "score", "validate_towards_limb"]

# Cycles per arcsec: supergranules and granules; what HMI's 14 cm still pass well; up to and beyond their limit of
# 1.1, where all is the work of the network.
POWER_BANDS = {"power_0.5": (0.0, 0.5), "power_1.0": (0.5, 1.0), "power_1.6": (1.0, 1.6)}

# What `validate_towards_limb` looks at: scenes whose structure stands far above the noise, or the correlation with
# the truth would tell of the noise alone.
_MU = (1.0, 0.8, 0.6, 0.5, 0.45, 0.4, 0.3, 0.2)
_LIMB_KINDS = {"continuum": ("quiet", "spot"), "magnetogram": ("plage", "spot")}


class _Bicubic:
    # Pixels that the interpolation needs at the border.
    halo = 4

    def __call__(self, images):
        enlarged = functional.interpolate(images, scale_factor=2, mode="bicubic", align_corners=False)
        return crop(enlarged, 2 * self.halo)


def _power(images, plate_scale):
    """Return the power of a stack of images in the bands of `POWER_BANDS`."""
    rows, columns = images.shape[1:]
    # Hann's window, so that what crosses the border does not leak into the high frequencies.
    window = np.outer(np.hanning(rows + 2)[1:-1], np.hanning(columns + 2)[1:-1])
    fluctuations = images - images.mean(axis=(1, 2), keepdims=True)
    power = np.zeros((rows, columns))
    for image in fluctuations:
        power += np.abs(fft.fft2(image * window)) ** 2
    frequency = np.hypot(fft.fftfreq(rows, plate_scale)[:, None], fft.fftfreq(columns, plate_scale))
    return {key: power[(frequency > low) & (frequency <= high)].sum() for key, (low, high) in POWER_BANDS.items()}


def score(restored, truth, plate_scale):
    """Compare restored images with the truth.

    Parameters
    ----------
    restored, truth : `numpy.ndarray`
        (n, y, x), in the same unit; at least 11 pixels along y and x.
    plate_scale : float
        Of both, arcsec per pixel.

    Returns
    -------
    dict
        ``rms``, ``bias``
            Root mean square and mean of the error, in the unit of the images.
        ``psnr``
            Peak signal-to-noise ratio in dB: the range of all truth (maximum minus minimum) over ``rms``.
        ``ssim``
            Mean structural similarity (Wang et al. 2004, IEEE Trans. Image Process. 13, 600): Gaussian window with a
            standard deviation of 1.5 pixels on 11x11 pixels, K1 = 0.01, K2 = 0.03, data range as for ``psnr``.
        ``correlation``
            Pearson's, of all pixels.
        ``contrast``
            Standard deviation of all that was restored over that of the truth.
        ``flux``
            Sum of the absolute values over that of the truth: of the unsigned flux for a field, of the intensity
            for a continuum image.
        ``net_flux``
            Sum minus that of the truth, over the sum of the truth's absolute values.
        ``power_0.5``, ``power_1.0``, ``power_1.6``
            Power over that of the truth at spatial frequencies of `POWER_BANDS`, in cycles per arcsec, the mean of
            each image taken off, under Hann's window; NaN where the images are too small to have the frequency.

    Raises
    ------
    ValueError
        Where the two differ in shape, or are not stacks of images of at least 11x11 pixels.
    """
    from skimage.metrics import structural_similarity

    if restored.shape != truth.shape or truth.ndim != 3 or min(truth.shape[1:]) < 11:
        msg = f"shapes are {restored.shape} and {truth.shape}, expected the same (n, y, x) of at least 11x11 pixels"
        raise ValueError(msg)
    restored, truth = restored.astype(float), truth.astype(float)
    error = restored - truth
    rms, peak, unsigned = np.sqrt(np.mean(error**2)), truth.max() - truth.min(), np.abs(truth).sum()
    similarity = structural_similarity(
        restored, truth, channel_axis=0, data_range=peak, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    result = {
        "rms": rms,
        "psnr": 20 * np.log10(peak / rms),
        "ssim": similarity,
        "correlation": np.corrcoef(restored.ravel(), truth.ravel())[0, 1],
        "contrast": restored.std() / truth.std(),
        "bias": error.mean(),
        "flux": np.abs(restored).sum() / unsigned,
        "net_flux": error.sum() / unsigned,
    }
    of_truth = _power(truth, plate_scale)
    for band, power in _power(restored, plate_scale).items():
        result[band] = power / of_truth[band] if of_truth[band] else np.nan
    return {key: float(value) for key, value in result.items()}


def evaluate(methods, patches, noise, *, seed=0, chunk=64, psf=None, target=None, plate_scale=0.504):
    """Return the metrics of restorations, source by source.

    Parameters
    ----------
    methods : dict of str to callable
        Each (n, 1, y + 2 halo, x + 2 halo) -> (n, 1, 2y, 2x) with a ``halo`` of its own, up to that of the patches;
        bicubic interpolation is added.
    patches : `sunpy_enhance.training.dataset.Patches`
    noise : float
        Standard deviation of the noise that is added to the inputs, the same for every method.
    seed : int
    chunk : int
        Patches at a time.
    psf, target : PSF, optional
        That the inputs and the targets were made with; default: those of `sunpy_enhance.optics.redegrade_image`.
    plate_scale : float
        Of the input patches, arcsec per pixel; that of the targets is half of it.

    Returns
    -------
    dict
        ``{source: {method: {figure: value}}}``: the figures of `score`, and ``residual``, the root mean square of
        what HMI would have seen of the result minus the noisy input, in the unit of the patches. (What HMI sees of
        the truth is the input without its noise. So it is the error that is degraded, continued beyond the patch by
        its mirror image, and the noise that is subtracted.)

    Raises
    ------
    ValueError
        Where a method needs a larger halo than the patches have, or they are smaller than `score` takes.
    """
    halo = (patches.inputs.shape[1] - patches.targets.shape[1] // 2) // 2
    methods = methods | {"bicubic": _Bicubic()}
    for name, restore in methods.items():
        if restore.halo > halo:
            msg = f"{name} needs {restore.halo} pixels around a patch, these have {halo}: make them with a larger halo"
            raise ValueError(msg)
    rng = np.random.default_rng([seed, 2])
    noises = rng.normal(0, noise, patches.inputs.shape).astype(np.float32)
    sources = np.array(patches.sources)
    result = {}
    for source in sorted(set(patches.sources)):
        chosen = np.flatnonzero(sources == source)
        truth = patches.targets[chosen]
        noisy = patches.inputs[chosen] + noises[chosen]
        result[source] = {}
        for name, restore in methods.items():
            images = torch.from_numpy(crop(noisy, halo - restore.halo))[:, None]
            with torch.no_grad():
                restored = torch.cat([restore(part) for part in images.split(chunk)])[:, 0].numpy()
            seen = [redegrade_image(error, plate_scale / 2, psf, target) for error in restored - truth]
            residual = np.stack(seen) - crop(noises[chosen], halo)
            result[source][name] = score(restored, truth, plate_scale / 2) | {
                "residual": float(np.sqrt(np.mean(residual.astype(float) ** 2)))
            }
    return result


def oddness(network, images):
    """Measure by how much f(-B) differs from -f(B).

    Parameters
    ----------
    network : callable
        (n, 1, y + 2 halo, x + 2 halo) -> (n, 1, 2y, 2x).
    images : `torch.Tensor`
        Fields, (n, 1, y + 2 halo, x + 2 halo).

    Returns
    -------
    float
        Root mean square of f(-B) + f(B), in the unit of the images: zero for a network that is odd.
    """
    with torch.no_grad():
        return float((network(-images) + network(images)).double().square().mean().sqrt())


def validate_towards_limb(recipe, network, linear, head=None, *, shape=(768, 768), number=60):
    """Measure the network on synthetic Suns seen at an angle.

    Parameters
    ----------
    recipe : `~sunpy_enhance.training.recipe.Recipe`
    network, linear : callable
        The trained network and the linear filter.
    head : `~sunpy_enhance.training.sigma.Sigma`, optional
        Of the network, calibrated.
    shape : (int, int)
        Of the scenes.
    number : int
        Patches of each scene.

    Returns
    -------
    mu_validated : float
        The lowest mu down to which, without a gap and not beyond what the network was trained for, it restores every
        kind of scene: nearer to the truth than bicubic interpolation and than the linear filter, with a correlation
        of at least 0.9.
    metrics : dict
        As `evaluate` gives them; the sources are called "mu = ..., kind".
    covered : dict
        As `~sunpy_enhance.training.uncertainty.coverage` gives it for these sources; empty without a head.
    """
    trained = min((entry.get("mu", 1.0) for entry in recipe.table.get("synthetic", [])), default=0.0)
    rng, sampling = np.random.default_rng([recipe["seed"], 3]), recipe.sampling()
    optics = {key: sampling[key] for key in ("psf", "target", "plate_scale")}
    name, metrics, covered, validated, broken = recipe["name"], {}, {}, 1.0, False
    for mu in _MU:
        parts = []
        for kind in _LIMB_KINDS[recipe["observable"]]:
            truth = synthetic_truth(recipe["observable"], kind, seed=2 * HELD_OUT_SEEDS, shape=shape, mu=mu)
            truth = dataclasses.replace(truth, source=f"mu = {mu}, {kind}")
            parts.append(sample_patches(truth, number, rng=rng, **sampling))
        patches = Patches.join(parts)
        methods = {name: network, "linear": linear}
        results = evaluate(methods, patches, recipe["noise"], seed=recipe["seed"], **optics)
        metrics |= results
        if head is not None:
            counted = coverage(recipe, network, head, patches)
            covered |= {source: counted[source] for source in results}
        for methods in results.values():
            ours = methods[name]
            # The linear filter has to beat bicubic interpolation alone.
            others = ("bicubic",) if network is linear else ("linear", "bicubic")
            best = min(methods[other]["rms"] for other in others)
            broken |= ours["rms"] >= best or ours["correlation"] < 0.9
        broken |= mu < trained
        if not broken:
            validated = mu
    return validated, metrics, covered
