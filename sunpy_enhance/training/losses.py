"""What training minimises."""

import numpy as np
import torch
from torch.nn import functional

from sunpy_enhance.optics import transfer_function
from sunpy_enhance.validation.scores import crop

__all__ = ["Loss"]

# Below this part of its light the larger telescope passes too little to be divided by.
_LOWEST_TARGET_TRANSFER = 0.02
# A field is weak below so many times the noise.
_QUIET = 2


class Loss:
    r"""The loss of a batch.

    With the error :math:`e` of a patch, the squares are

    .. math:: s = \overline{e^2} + \kappa\, \overline{(h * e)^2} + \mu\, \bar{e}^2,

    where :math:`h` takes the result back to what HMI sees (``consistency``, :math:`\kappa`: the result has to agree
    with the data) and :math:`\bar e` is the error of the mean intensity or flux of the patch (``mean``, :math:`\mu`).

    * ``loss = "mse"``: the mean of :math:`s` over the batch, in units of the network's constant. Without
      ``consistency`` and ``mean`` it is that of Díaz Baso & Asensio Ramos (2018, A&A 614, A5, Sect. 2.6).
    * ``loss = "weighted"``: :math:`s` in units of the linear filter's squared error on the same patch, so that quiet
      Sun counts as much as spots, times ``patch``. With ``local`` the absolute error relative to the strength about
      each pixel, in a box of ``local_box`` output pixels, is added, so that weak field beside a spot counts, too.
      With ``quiet`` the square of the result, in units of the noise, is added where HMI sees less than twice the noise:
      a field that might be none is rather kept small.

    In both, a patch counts as often as ``weights`` says of its source, once by default. Sources that no patch is from
    do not matter: a recipe with other files may inherit them.

    Parameters
    ----------
    recipe : `~sunpy_enhance.training.recipe.Recipe`
    constant : float
        What the network divides its input by.
    linear_errors : `numpy.ndarray` or None
        Mean squared error of the linear filter on each patch; for ``loss = "weighted"``.
    sources : list of str
        What each patch is from.
    device : `torch.device`
    """

    def __init__(self, recipe, constant, linear_errors, sources, device):
        self.settings, self.noise, self.constant = recipe["training"], recipe["noise"], constant
        counts = [float(self.settings["weights"].get(source, 1)) for source in sources]
        self.counts = torch.tensor(counts, device=device)
        if self.settings["loss"] == "weighted":
            # A patch that the linear filter restores almost perfectly need not be restored better than the noise.
            weights = 1 / (linear_errors + (self.settings["floor"] * self.noise) ** 2)
            self.weights = torch.from_numpy(weights.astype(np.float32)).to(device)
        if self.settings["consistency"]:
            size = 2 * recipe["patches"]["size"]
            psf, target = (transfer_function(p, (size, size), recipe["plate_scale"] / 2) for p in recipe.optics())
            passed = np.abs(target)
            shift = np.where(passed > 0, target / np.where(passed > 0, passed, 1), 1)  # a phase
            relative = psf / np.maximum(passed, _LOWEST_TARGET_TRANSFER) * np.conj(shift)
            self.relative = torch.from_numpy(relative / np.maximum(np.abs(relative), 1)).to(device)

    def __call__(self, results, targets, indices, inputs):
        """Return the loss of the patches `indices`.

        Results and targets are (n, 1, 2y, 2x), inputs (n, 1, y + 2 halo, x + 2 halo).
        """
        settings = self.settings
        error = results - targets
        inconsistent = 0.0
        if settings["consistency"]:
            seen = torch.fft.irfft2(torch.fft.rfft2(error) * self.relative, s=error.shape[-2:])
            inconsistent = settings["consistency"] * seen.square().mean(dim=(1, 2, 3))
        squares = error.square().mean(dim=(1, 2, 3)) + inconsistent
        if settings["mean"]:
            squares = squares + settings["mean"] * error.mean(dim=(1, 2, 3)).square()
        if settings["loss"] == "mse":
            losses = squares / self.constant**2
        else:
            losses = settings["patch"] * squares * self.weights[indices]
            if settings["local"]:
                # Nearly the absolute error: its minimum, the median, invents less where the data leave a choice.
                absolute = (error.square() + (self.noise / 2) ** 2).sqrt()
                losses = losses + 2 * (absolute / self._tolerable(targets)).mean(dim=(1, 2, 3))
            if settings["quiet"]:
                seen = crop(inputs, (inputs.shape[-1] - results.shape[-1] // 2) // 2)
                quiet = functional.interpolate(seen, scale_factor=2, mode="nearest").abs() < _QUIET * self.noise
                losses = losses + settings["quiet"] / self.noise**2 * (quiet * results.square()).mean(dim=(1, 2, 3))
        return (losses * self.counts[indices]).mean()

    def _tolerable(self, targets):
        """Return the error that is tolerable at a pixel: a part of the strength about it, and some noise."""
        box = self.settings["local_box"]
        power = functional.avg_pool2d(targets.square(), box, stride=1, padding=box // 2, count_include_pad=False)
        return ((self.settings["local_floor"] * self.noise) ** 2 + self.settings["local"] ** 2 * power).sqrt()
