"""How well a restoration does on patches whose truth is known."""

import numpy as np
import torch
from torch.nn import functional

from sunpy_enhance.training.networks import crop

__all__ = ["evaluate"]


class _Bicubic:
    # Pixels that the interpolation needs at the border.
    halo = 4

    def __call__(self, images):
        enlarged = functional.interpolate(images, scale_factor=2, mode="bicubic", align_corners=False)
        return crop(enlarged, 2 * self.halo)


def evaluate(methods, patches, noise, *, seed=0, chunk=64):
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

    Returns
    -------
    dict
        ``{source: {method: {"rms": ..., "psnr": ..., "bias": ..., "correlation": ..., "contrast": ...}}}``:
        RMS error and mean error in the unit of the patches, PSNR in dB with the range of the targets as the peak,
        standard deviation of the result over that of the targets ("contrast").
    """
    halo = (patches.inputs.shape[1] - patches.targets.shape[1] // 2) // 2
    methods = methods | {"bicubic": _Bicubic()}
    rng = np.random.default_rng([seed, 2])
    noisy = patches.inputs + rng.normal(0, noise, patches.inputs.shape).astype(np.float32)
    sources = np.array(patches.sources)
    result = {}
    for source in sorted(set(patches.sources)):
        chosen = np.flatnonzero(sources == source)
        truth = patches.targets[chosen]
        result[source] = {}
        for name, restore in methods.items():
            images = torch.from_numpy(crop(noisy[chosen], halo - restore.halo))[:, None]
            with torch.no_grad():
                restored = torch.cat([restore(part) for part in images.split(chunk)])[:, 0].numpy()
            error = restored.astype(float) - truth
            rms = np.sqrt(np.mean(error**2))
            result[source][name] = {
                "rms": float(rms),
                "psnr": float(20 * np.log10((truth.max() - truth.min()) / rms)),
                "bias": float(error.mean()),
                "correlation": float(np.corrcoef(restored.ravel(), truth.ravel())[0, 1]),
                "contrast": float(restored.std() / truth.std()),
            }
    return result
