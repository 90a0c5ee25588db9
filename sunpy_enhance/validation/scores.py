"""How near a restoration is to the truth, in the figures that all tables here have; needs scikit-image."""

import numpy as np

from sunpy_enhance.optics import redegrade_image

__all__ = ["POWER_BANDS", "Bicubic", "evaluate", "score", "structural_similarity"]

# Cycles per arcsec: supergranules and granules; what HMI's 14 cm still pass well; up to and beyond their limit of
# 1.1, where all is the work of the network.
POWER_BANDS = {"power_0.5": (0.0, 0.5), "power_1.0": (0.5, 1.0), "power_1.6": (1.0, 1.6)}


class Bicubic:
    """Interpolation by cubic convolution, as a method of `evaluate`."""

    # Pixels that the interpolation needs at the border.
    halo = 2

    def __call__(self, images):
        """Interpolate (n, y + 4, x + 4) to (n, 2y, 2x)."""
        from sunpy_enhance._pixels import cubic

        return np.stack([cubic(image)[:, 4:-4] for image in images])


def _power(images, plate_scale):
    """Return the power of a stack of images in the bands of `POWER_BANDS`."""
    from scipy import fft

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
    ImportError
        Where scikit-image is not installed.
    """
    measure = structural_similarity()
    if restored.shape != truth.shape or truth.ndim != 3 or min(truth.shape[1:]) < 11:
        msg = f"shapes are {restored.shape} and {truth.shape}, expected the same (n, y, x) of at least 11x11 pixels"
        raise ValueError(msg)
    restored, truth = restored.astype(float), truth.astype(float)
    error = restored - truth
    rms, peak, unsigned = np.sqrt(np.mean(error**2)), truth.max() - truth.min(), np.abs(truth).sum()
    similarity = measure(
        restored, truth, channel_axis=0, data_range=peak, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    result = {
        "rms": rms,
        "psnr": 20 * np.log10(peak / rms) if rms else np.inf,
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


def structural_similarity():
    """Return scikit-image's function.

    Returns
    -------
    callable

    Raises
    ------
    ImportError
        Where it is not installed.
    """
    try:
        from skimage import metrics
    except ImportError as error:
        msg = "scikit-image is not installed: pip install 'sunpy_enhance[benchmark]'"
        raise ImportError(msg) from error
    return metrics.structural_similarity


def evaluate(methods, patches, noise, *, seed=0, frame=None, psf=None, target=None, plate_scale=0.504):
    """Return the figures of restorations, source by source.

    Parameters
    ----------
    methods : dict of str to callable
        Each (n, y + 2 halo, x + 2 halo) -> (n, 2y, 2x), arrays of float32, with a ``halo`` of its own, up to that of
        the patches; or a pair of such arrays, the second one standard deviation of the first's error. Bicubic
        interpolation is added.
    patches : `sunpy_enhance.training.patches.Patches`
    noise : float
        Standard deviation of the noise that is added to the inputs, the same for every method.
    seed : int
    frame : int, optional
        Input pixels around a patch whose noise is drawn at once. Then neither that noise nor the noise beyond depends
        on how wide the halo of the patches is; default: that halo.
    psf, target : PSF, optional
        That the inputs and the targets were made with; default: those of `sunpy_enhance.optics.redegrade_image`.
    plate_scale : float
        Of the input patches, arcsec per pixel; that of the targets is half of it.

    Returns
    -------
    dict
        ``{source: {method: {figure: value}}}``: the figures of `score`, and

        ``residual``
            Root mean square of what HMI would have seen of the result minus the noisy input, in the unit of the
            patches. (What HMI sees of the truth is the input without its noise. So it is the error that is degraded,
            continued beyond the patch by its mirror image, and the noise that is subtracted.)
        ``chi_square``
            The square of ``residual`` over ``noise``, where there is noise.
        ``coverage_1``, ``coverage_2``
            Fraction of the errors within one and two of the method's own standard deviations, where it gives them.

    Raises
    ------
    ValueError
        Where a method needs a larger halo than the patches have, or they are smaller than `score` takes.
    ImportError
        Where scikit-image is not installed.
    """
    methods = methods | {"bicubic": Bicubic()}
    for name, restore in methods.items():
        if restore.halo > patches.halo:
            msg = (
                f"{name} needs {restore.halo} pixels around a patch, these have {patches.halo}: "
                "make them with a larger halo"
            )
            raise ValueError(msg)
    noises = _noises(patches, noise, seed, patches.halo if frame is None else frame)
    sources = np.array(patches.sources)
    result = {}
    for source in sorted(set(patches.sources)):
        chosen = np.flatnonzero(sources == source)
        truth = patches.targets[chosen]
        noisy = patches.inputs[chosen] + noises[chosen]
        result[source] = {}
        for name, restore in methods.items():
            restored = restore(crop(noisy, patches.halo - restore.halo))
            restored, sigma = restored if isinstance(restored, tuple) else (restored, None)
            error = restored - truth
            own = getattr(restore, "target", None)
            if own is None:
                seen = _seen(error, plate_scale / 2, psf, target)
            else:  # another telescope is left in what it gives
                seen = _seen(restored, plate_scale / 2, psf, own) - _seen(truth, plate_scale / 2, psf, target)
            residual = seen - crop(noises[chosen], patches.halo)
            figures = score(restored, truth, plate_scale / 2)
            figures["residual"] = float(np.sqrt(np.mean(residual.astype(float) ** 2)))
            if noise:
                figures["chi_square"] = (figures["residual"] / noise) ** 2
            if sigma is not None:
                figures |= {f"coverage_{n}": float(np.mean(np.abs(error) <= n * sigma)) for n in (1, 2)}
            result[source][name] = figures
    return result


def _noises(patches, noise, seed, frame):
    """Return the noise of the inputs: of the patches and a frame at once, then ring by ring, each of its own seed."""
    number, size = len(patches), patches.inputs.shape[1] - 2 * patches.halo

    def draw(halo, *stream):
        return np.random.default_rng([seed, *stream]).normal(0, noise, (number, *2 * [size + 2 * halo]))

    noises = crop(draw(frame, 2), max(frame - patches.halo, 0))
    for halo in range(frame + 1, patches.halo + 1):
        wider = draw(halo, 4, halo)
        wider[:, 1:-1, 1:-1] = noises
        noises = wider
    return noises.astype(np.float32)


def _seen(images, plate_scale, psf, target):
    """Return what HMI sees of images of a telescope."""
    return np.stack([redegrade_image(image, plate_scale, psf, target) for image in images])


def crop(images, margin):
    """Cut a margin off the last two axes.

    Parameters
    ----------
    images : `torch.Tensor` or `numpy.ndarray`
    margin : int
        Pixels on each side.

    Returns
    -------
    `torch.Tensor` or `numpy.ndarray`
        A view.
    """
    return images[..., margin:-margin, margin:-margin] if margin else images
