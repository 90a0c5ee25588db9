"""The head that tells how large the error of a `~sunpy_enhance.training.networks.Hybrid` is, pixel by pixel.

It sees what the network's last convolution sees and what came out, and costs less than a tenth of the network. For a
field all that it sees is the same for B and -B, and so is what it makes of it.
"""

import torch
from torch import nn
from torch.nn import functional

from sunpy_enhance.training.networks import CHANGE_GAIN, LEVEL_GAIN, MEAN_INTENSITY
from sunpy_enhance.validation.scores import crop

__all__ = ["CORRECTION_GAIN", "FAINT_FIELD", "KNOTS", "LARGEST", "Sigma"]

# Brings what the network changed of the linear filter's result to the order of one.
CORRECTION_GAIN = 20
# In units of the constant (kG), the noise of HMI: where the logarithm of a field takes over.
FAINT_FIELD = 0.01
# Logarithm of the largest sigma in units of the typical one: no weights, however odd the image, can make it infinite.
LARGEST = 6.0
# Enhanced values between which the calibration is interpolated, in units of the constant: the quiet Sun, or kG.
KNOTS = {"continuum": (0.2, 0.4, 0.6, 0.8, 0.9, 1.0, 1.1), "magnetogram": (0.0, 0.02, 0.05, 0.15, 0.5, 1.5)}


class Sigma(nn.Module):
    """A few 1x1 convolutions and one 3x3 between them.

    Parameters
    ----------
    network : `~sunpy_enhance.training.networks.Hybrid`
        Whose error it tells; with channels.
    width : int
        Channels of the head.
    floor : float
        Smallest sigma, in units of the network's constant.
    """

    def __init__(self, network, width=16, *, floor):
        super().__init__()
        if not getattr(network, "channels", 0) or not hasattr(network, "restore"):
            msg = "the network has no residual network whose features could tell its error: set uncertainty.steps = 0"
            raise ValueError(msg)
        self.odd, self.floor = network.odd, floor
        around, at = (network.channels + 9, 8) if self.odd else (network.channels + 9, 12)
        self.first, self.second = nn.Conv2d(around, width, 1), nn.Conv2d(width, width, 3)
        self.third, self.last = nn.Conv2d(width + at, width, 1), nn.Conv2d(width, 4, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        for name, number in (("around", around), ("at", at)):
            self.register_buffer(f"mean_{name}", torch.zeros(1, number, 1, 1))
            self.register_buffer(f"scale_{name}", torch.ones(1, number, 1, 1))
        self.register_buffer("typical", torch.ones(()))
        knots = KNOTS["magnetogram" if self.odd else "continuum"]
        self.register_buffer("knots", torch.tensor(knots))
        self.register_buffer("factors", torch.ones(len(knots)))

    @property
    def multiply_adds(self):
        """Number of multiplications in the convolutions per input pixel."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.ndim == 4)

    def features(self, restored):
        """Return what it sees around a pixel, one pixel wider on each side, and at the pixel itself."""
        phases, linear, images, features = restored
        margin = (linear.shape[-1] - phases.shape[-1]) // 2 - 1
        linear, images = crop(linear, margin), crop(images, margin)
        correction = phases - crop(linear, 1)
        if self.odd:
            first, second = features.chunk(2, dim=1)
            around = [_logarithm(part, FAINT_FIELD) for part in (images, linear, linear - images)]
            around += [_logarithm(part, 1.0) for part in (first + second, first - second)]
            return torch.cat(around, dim=1), _logarithm(torch.cat([phases, correction], dim=1), FAINT_FIELD)
        change = (linear - images) * CHANGE_GAIN
        around = [(images - MEAN_INTENSITY) * LEVEL_GAIN, change, change.abs(), features]
        correction = correction * CORRECTION_GAIN
        at = [(phases - MEAN_INTENSITY) * LEVEL_GAIN, correction, correction.abs()]
        return torch.cat(around, dim=1), torch.cat(at, dim=1)

    def standardise(self, restored, errors):
        """Set what it starts from: mean and spread of the features, and the typical error, of a few images."""
        for name, values in zip(("around", "at"), self.features(restored), strict=True):
            getattr(self, f"mean_{name}").copy_(values.mean(dim=(0, 2, 3), keepdim=True))
            getattr(self, f"scale_{name}").copy_(values.std(dim=(0, 2, 3), keepdim=True) + 1e-6)
        # Of a Gaussian the median of the absolute values is 0.67 standard deviations.
        self.typical.copy_(errors.abs().median() / 0.6745)

    def convolutions(self):
        """Return weights and biases with the standardisation in them: of `first`, and of `third`."""
        result = []
        for layer, name, kept in ((self.first, "around", 0), (self.third, "at", self.second.out_channels)):
            scale, mean = getattr(self, f"scale_{name}"), getattr(self, f"mean_{name}")
            weight = layer.weight.clone()
            weight[:, kept:] = weight[:, kept:] / scale
            bias = layer.bias - (weight[:, kept:] * mean).sum(dim=(1, 2, 3))
            result.append((weight, bias))
        return result

    def uncalibrated(self, restored):
        """Return sigma (n, 4, y, x) in units of the constant, as it was trained."""
        around, at = self.features(restored)
        first, third = self.convolutions()
        hidden = functional.relu(functional.conv2d(around, *first))
        hidden = functional.relu(self.second(hidden))
        hidden = functional.relu(functional.conv2d(torch.cat([hidden, at], dim=1), *third))
        return self.floor + self.typical * self.last(hidden).clamp(max=LARGEST).exp()

    def factor(self, phases):
        """Return the calibration: linear between the knots in the enhanced value, constant beyond them."""
        values = phases.abs() if self.odd else phases
        result = self.factors[0]
        for low, high, slope in self.slopes():
            result = result + slope * (values.clamp(low, high) - low)
        return result

    def slopes(self):
        """Return (knot, next knot, slope of the calibration between them)."""
        knots, factors = self.knots.double().tolist(), self.factors.double().tolist()
        return [
            (knots[i], knots[i + 1], (factors[i + 1] - factors[i]) / (knots[i + 1] - knots[i]))
            for i in range(len(knots) - 1)
        ]

    def calibration(self, constant):
        """Return the calibration as the card has it."""
        return {"knots": [constant * knot for knot in self.knots.tolist()], "factors": self.factors.tolist()}

    def forward(self, restored):
        """Return sigma (n, 4, y, x) in units of the constant, of what `Hybrid.restore` gives."""
        return self.uncalibrated(restored) * self.factor(restored.phases)


def _logarithm(values, faint):
    return torch.log1p(values.abs() / faint)
