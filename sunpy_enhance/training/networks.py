"""The networks: a linear restoration filter and a small residual network on top of it.

Every convolution is unpadded, so a network takes ``halo`` more pixels on each side than it restores, and what
it makes of a pixel cannot depend on where the image was cut. Three properties hold by construction:

* a flat image stays flat in the linear filter (its taps sum to one for each output phase);
* the residual network only moves light or flux about: its last kernels sum to zero, so that the total of what
  it adds vanishes but for what crosses the border of the frame;
* for a field, f(-B) = -f(B): features come in pairs that change places when the field changes sign.
"""

import typing

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from sunpy_enhance.training._blocks import block_of, filter_in_blocks, last_in_blocks
from sunpy_enhance.validation.scores import crop

__all__ = ["CHANGE_GAIN", "LEVEL_GAIN", "MEAN_INTENSITY", "WEAK_FIELD", "Hybrid", "LinearFilter"]

# About the middle between the umbra and the brightest granules, in units of the quiet Sun.
MEAN_INTENSITY = 0.75
# Bring an intensity about that, and what the linear filter changes of it, to the order of one.
LEVEL_GAIN, CHANGE_GAIN = 2, 8
# In units of the constant (kG): a field is compressed where it is stronger.
WEAK_FIELD = 0.05


class LinearFilter(nn.Module):
    """Four restoration filters, one for each phase of the output pixel within the input pixel.

    Each is a dense kernel for the core of the point spread function, and a coarse one, common to the phases and
    working on the smoothed image, for its far halo of stray light.

    Parameters
    ----------
    narrow : int
        Side of the dense kernels, odd.
    wide : int
        Side of the coarse kernel, odd; 0 for none.
    dilation : int
        Distance between the taps of the coarse kernel.

    Raises
    ------
    ValueError
        Where a kernel has no middle.
    """

    def __init__(self, narrow=15, wide=11, dilation=4):
        super().__init__()
        if narrow % 2 == 0 or (wide and wide % 2 == 0):
            msg = f"narrow is {narrow} and wide is {wide}, expected odd numbers, or 0 for no coarse kernel"
            raise ValueError(msg)
        self.narrow, self.wide, self.dilation = narrow, wide, dilation
        self.dense = nn.Parameter(torch.zeros(4, 1, narrow, narrow))
        if wide:
            self.coarse = nn.Parameter(torch.zeros(1, 1, wide, wide))
            taps = np.exp(-0.5 * (np.arange(-dilation, dilation + 1) / (dilation / 2)) ** 2)
            kernel = np.outer(taps, taps) / taps.sum() ** 2
            self.register_buffer("smoothing", torch.tensor(kernel, dtype=torch.float32)[None, None])

    @property
    def halo(self):
        """Input pixels used beyond the output on each side."""
        return max(self.narrow // 2, self.wide // 2 * self.dilation + self.dilation if self.wide else 0)

    def kernels(self):
        """Return the dense kernels, corrected so that a flat image stays flat, and the coarse one."""
        coarse = self.coarse if self.wide else None
        total = self.dense.sum(dim=(1, 2, 3), keepdim=True) + (coarse.sum() if self.wide else 0)
        return self.dense + (1 - total) / self.narrow**2, coarse

    def forward(self, images):
        """(n, 1, y + 2 halo, x + 2 halo) -> (n, 4, y, x)."""
        dense, coarse = self.kernels()
        result = functional.conv2d(crop(images, self.halo - self.narrow // 2), dense)
        if self.wide:
            smooth = functional.conv2d(crop(images, self.halo - self.halo_of_coarse), self.smoothing)
            result = result + functional.conv2d(smooth, coarse, dilation=self.dilation)
        return result

    @property
    def halo_of_coarse(self):
        """Input pixels that the coarse path uses beyond the output on each side."""
        return self.wide // 2 * self.dilation + self.dilation

    def fit(self, inputs, targets, *, ridge=1e-7):
        """Set the kernels to the least-squares solution.

        Parameters
        ----------
        inputs : `numpy.ndarray`
            (n, y + 2 halo', x + 2 halo') with any halo' of at least `halo`.
        targets : `numpy.ndarray`
            (n, 2y, 2x).
        ridge : float
            Penalty on the squared taps, relative to the mean power of the input.
        """
        y, x = targets.shape[1] // 2, targets.shape[2] // 2
        margin = (inputs.shape[1] - y) // 2 - self.halo
        size = self.narrow**2 + self.wide**2
        normal, right = np.zeros((size, size)), np.zeros((size, 4))
        for patch, target in zip(inputs, targets, strict=True):
            image = torch.as_tensor(crop(patch, margin))[None, None]
            columns = [functional.unfold(crop(image, self.halo - self.narrow // 2), self.narrow)[0]]
            if self.wide:
                smooth = functional.conv2d(crop(image, self.halo - self.halo_of_coarse), self.smoothing)
                columns.append(functional.unfold(smooth, self.wide, dilation=self.dilation)[0])
            # About the mean, because the constraint on the sum of the taps takes care of the mean.
            level = float(image.mean())
            design = torch.cat(columns) - level
            phases = np.stack([target[i::2, j::2].reshape(y * x) for i in (0, 1) for j in (0, 1)]) - level
            normal += (design @ design.T).double().numpy()
            right += (design @ torch.as_tensor(phases, dtype=torch.float32).T).double().numpy()
        normal[np.diag_indices(size)] += ridge * np.trace(normal) / size
        # One coarse kernel serves all phases (they differ within the core only), so all are solved for together.
        n = self.narrow**2
        joint = np.zeros((4 * n + self.wide**2,) * 2)
        for phase in range(4):
            rows = slice(phase * n, (phase + 1) * n)
            joint[rows, rows] = normal[:n, :n]
            joint[rows, 4 * n :], joint[4 * n :, rows] = normal[:n, n:], normal[n:, :n]
        joint[4 * n :, 4 * n :] = 4 * normal[n:, n:]
        solution = np.linalg.solve(joint, np.concatenate([right[:n].T.ravel(), right[n:].sum(axis=1)]))
        with torch.no_grad():
            self.dense.copy_(torch.tensor(solution[: 4 * n].reshape(4, 1, self.narrow, self.narrow)))
            if self.wide:
                self.coarse.copy_(torch.tensor(solution[4 * n :].reshape(1, 1, self.wide, self.wide)))


class _Layer(nn.Module):
    """An unpadded 3x3 convolution of features and a ReLU; of paired features where the observable is odd.

    It starts near the identity, so that it learns as if it had the shortcut of a residual block. For paired features
    (a, a') the kernel is [[P, Q], [Q, P]] with the same bias for both: exchanging a and a' exchanges the outputs.
    """

    def __init__(self, channels, *, paired):
        super().__init__()
        self.paired = paired
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
        return functional.relu(functional.conv2d(images, *self.convolution()))


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
        Of the `LinearFilter`.

    Raises
    ------
    ValueError
        Where the channels cannot be paired, which an odd network does, or the filter has no middle.
    """

    border = "pad"

    def __init__(self, channels=32, layers=3, *, odd=False, constant=1.0, narrow=15, wide=11, dilation=4):
        super().__init__()
        if odd and channels % 2:
            msg = f"channels is {channels}, expected an even number: those of a field's network come in pairs"
            raise ValueError(msg)
        self.channels, self.odd, self.constant, self.bfloat16 = channels, odd, constant, False
        self.linear = LinearFilter(narrow, wide, dilation)
        if not channels:
            return
        self.first = nn.Conv2d(10 if odd else 5, channels // 2 if odd else channels, 3)
        self.layers = nn.ModuleList(_Layer(channels, paired=odd) for _ in range(layers))
        self.last = nn.Parameter(torch.zeros(4, channels // 2 if odd else channels, 3, 3))

    @property
    def depth(self):
        """Number of 3x3 convolutions of the residual network: so many pixels it sees on each side of one."""
        return 2 + len(self.layers) if self.channels else 0

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
