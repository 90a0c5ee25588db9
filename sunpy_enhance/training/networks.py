"""The networks: a linear restoration filter and a small residual network on top of it.

Every convolution is unpadded, so a network takes ``halo`` more pixels on each side than it restores, and what
it makes of a pixel cannot depend on where the image was cut. Three properties hold by construction:

* a flat image stays flat in the linear filter (its taps sum to one for each output phase);
* the residual network only moves light or flux about: its last kernels sum to zero, so that the total of what
  it adds vanishes but for what crosses the border of the frame;
* for a field, f(-B) = -f(B): features come in pairs that change places when the field changes sign.
"""

import typing

import torch
from torch import nn
from torch.nn import functional

from sunpy_enhance.training._blocks import block_of, filter_in_blocks, last_in_blocks
from sunpy_enhance.training.linear import LinearFilter
from sunpy_enhance.validation.scores import crop

__all__ = ["CHANGE_GAIN", "LEVEL_GAIN", "MEAN_INTENSITY", "WEAK_FIELD", "Hybrid"]

# About the middle between the umbra and the brightest granules, in units of the quiet Sun.
MEAN_INTENSITY = 0.75
# Bring an intensity about that, and what the linear filter changes of it, to the order of one.
LEVEL_GAIN, CHANGE_GAIN = 2, 8
# In units of the constant (kG): a field is compressed where it is stronger.
WEAK_FIELD = 0.05


class _Layer(nn.Module):
    """An unpadded 3x3 convolution of features and a ReLU; of paired features where the observable is odd.

    It starts near the identity, so that it learns as if it had the shortcut of a residual block. For paired features
    (a, a') the kernel is [[P, Q], [Q, P]] with the same bias for both: exchanging a and a' exchanges the outputs.
    """

    def __init__(self, channels, *, paired, dilation=1):
        super().__init__()
        self.paired, self.dilation = paired, dilation
        rows = channels // 2 if paired else channels
        self.weight = nn.Parameter(torch.empty(rows, channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(rows))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
        with torch.no_grad():
            self.weight *= 0.5
            self.weight[range(rows), range(rows), 1, 1] += 1

    def convolution(self):
        """Return the plain weight and bias."""
        if not self.paired:
            return self.weight, self.bias
        first, second = self.weight.chunk(2, dim=1)
        return torch.cat([self.weight, torch.cat([second, first], dim=1)]), self.bias.repeat(2)

    def forward(self, images):
        return functional.relu(functional.conv2d(images, *self.convolution(), dilation=self.dilation))


class Restored(typing.NamedTuple):
    """What a `Hybrid` made of images, in units of its constant.

    The enhanced pixels (n, 4, y, x); what the linear filter made (n, 4, ...) and the images themselves (n, 1, ...),
    both wider by the network's margin on each side; and the features that the last convolution sees, wider by one
    pixel, None where there are none.
    """

    phases: torch.Tensor
    linear: torch.Tensor
    images: torch.Tensor
    features: "torch.Tensor | None"  # a string, as the reference is built without PyTorch


class Hybrid(nn.Module):
    """A linear filter plus a residual network that sees the image and what the filter made of it.

    Parameters
    ----------
    channels, layers : int
        Width and number of the hidden layers, 3x3 convolutions; without channels there is only the linear filter, the
        baseline that a network has to beat.
    odd : bool
        Whether f(-x) = -f(x).
    constant : float
        The image is divided by it first, the result multiplied last.
    narrow, wide, dilation : int
        Of the `~sunpy_enhance.training.linear.LinearFilter`.
    dilations : list of int, optional
        How many pixels the taps of each hidden layer are apart, one by default: farther apart they see more, for the
        same number of multiplications.

    Raises
    ------
    ValueError
        Where the channels cannot be paired, which an odd network does, the filter has no middle, or the dilations are
        not as many as the layers.
    """

    border = "pad"

    def __init__(
        self, channels=32, layers=3, *, odd=False, constant=1.0, narrow=15, wide=11, dilation=4, dilations=None
    ):
        super().__init__()
        if odd and channels % 2:
            msg = f"channels is {channels}, expected an even number: those of a field's network come in pairs"
            raise ValueError(msg)
        self.channels, self.odd, self.constant, self.bfloat16 = channels, odd, constant, False
        self.linear = LinearFilter(narrow, wide, dilation)
        if not channels:
            return
        self.first = nn.Conv2d(10 if odd else 5, channels // 2 if odd else channels, 3)
        dilations = [1] * layers if dilations is None else dilations
        if len(dilations) != layers:
            msg = f"{len(dilations)} dilations are given, expected {layers}: one for each of the layers"
            raise ValueError(msg)
        self.layers = nn.ModuleList(_Layer(channels, paired=odd, dilation=dilation) for dilation in dilations)
        self.last = nn.Parameter(torch.zeros(4, channels // 2 if odd else channels, 3, 3))

    @property
    def depth(self):
        """How many pixels the residual network sees on each side of one."""
        return 2 + sum(layer.dilation for layer in self.layers) if self.channels else 0

    @property
    def margin(self):
        """Input pixels that the residual network is given beyond the output on each side."""
        # Even, as the file works in blocks of pixels.
        return self.depth + self.depth % 2

    @property
    def halo(self):
        """Input pixels used beyond the output on each side."""
        return self.linear.halo + self.margin

    @property
    def reach(self):
        """Input pixels by which an input pixel's influence extends, along an axis."""
        return self.linear.halo + self.depth

    @property
    def multiple_of(self):
        """What the sides of an image have to be multiples of in the file, whose filter works in blocks of pixels."""
        return block_of(self.linear, self.halo)

    @property
    def multiply_adds(self):
        """Number of multiplications in the file's convolutions per input pixel."""
        side = self.multiple_of
        linear = sum(kernel.size for kernel, _ in filter_in_blocks(self.linear, side)) / side**2
        if not self.channels:
            return linear
        inner = [layer.convolution()[0] for layer in self.layers]
        last, side = last_in_blocks(self)
        return linear + sum(weight.numel() for weight in [self.first_convolution()[0], *inner]) + last.size / side**2

    def features(self, image, linear):
        """Return what the residual network sees, brought to the order of one, without which it learns slowly.

        (n, 1, y, x) and (n, 4, y, x) -> (n, 5, y, x): the intensity about `MEAN_INTENSITY`, and what the linear filter
        changed of it. A field, which spans three decades, is given as it is and compressed: (n, 10, y, x).
        """
        if self.odd:
            both = torch.cat([image, linear], dim=1)
            return torch.cat([both, both / (both.abs() + WEAK_FIELD)], dim=1)
        return torch.cat([(image - MEAN_INTENSITY) * LEVEL_GAIN, (linear - image) * CHANGE_GAIN], dim=1)

    def first_convolution(self):
        """Return the plain weight and bias of the first convolution."""
        weight, bias = self.first.weight, self.first.bias
        return (torch.cat([weight, -weight]), bias.repeat(2)) if self.odd else (weight, bias)

    def last_convolution(self):
        """Return the plain weight of the last convolution: no feature adds to the total."""
        weight = self.last - self.last.mean(dim=(0, 2, 3), keepdim=True)
        return torch.cat([weight, -weight], dim=1) if self.odd else weight

    def forward(self, images):
        """(n, 1, y + 2 halo, x + 2 halo) -> (n, 1, 2y, 2x)."""
        return functional.pixel_shuffle(self.restore(images).phases, 2) * self.constant

    def restore(self, images):
        """Return what comes before the last step of ``forward``, as a named tuple."""
        images = images / self.constant
        linear = self.linear(images)
        images = crop(images, self.linear.halo)
        if not self.channels:
            return Restored(linear, linear, images, None)
        # Only the residual network bears a lower precision: it adds a few per cent to the linear result.
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.bfloat16):
            features = crop(self.features(images, linear), self.halo - self.reach)
            features = functional.relu(functional.conv2d(features, *self.first_convolution()))
            for layer in self.layers:
                features = layer(features)
            residual = functional.conv2d(features, self.last_convolution())
        phases = crop(linear, self.margin) + residual.float()
        return Restored(phases, linear, images, features)
