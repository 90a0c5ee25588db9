"""The network of Díaz Baso & Asensio Ramos (2018).

The architecture is that of Sect. 2.3 and Fig. 3 of A&A 614, A5 (https://doi.org/10.1051/0004-6361/201731344).
"""

import itertools

import torch
from torch import nn
from torch.nn import functional

from sunpy_enhance._paper import EPSILON, FOLD

__all__ = ["Paper"]


def _convolution(inputs, outputs, size=3, *, padded=True):
    """Return a convolution, bias included, that keeps the size by reflection about the outermost pixel if `padded`."""
    convolution = nn.Conv2d(inputs, outputs, size, padding=size // 2 if padded else 0, padding_mode="reflect")
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    nn.init.zeros_(convolution.bias)
    return convolution


def _normalised(channels):
    """Return a convolution and its batch normalisation, with the epsilon of the paper's Eq. 5."""
    # Keras' momentum of 0.99, the authors' default, is the part that is kept: PyTorch's is the part that is new.
    return [_convolution(channels, channels), nn.BatchNorm2d(channels, eps=EPSILON, momentum=0.01)]


class Paper(nn.Module):
    """The published network: residual blocks, then nearest-neighbour enlargement and a convolution.

    Each of the 3x3 convolutions pads by reflection, so the network gives twice the shape of what it takes, which has
    to be at least (2, 2). With 64 channels and 5 blocks there are 445 249 trained parameters and 1 408 running means
    and variances, which the paper rounds to 450 k; with 32 channels and 1 block 37 537 and 192, rounded to 40 k.

    Nothing in it makes f(-B) = -f(B) hold for a magnetogram: with ``odd`` that is left to be learnt and measured.

    Parameters
    ----------
    channels, blocks : int
        Kernels of each convolution, and number of residual blocks.
    odd : bool
        Whether it is for a quantity that changes sign; of no influence on what is computed.
    constant : float
        The image is divided by it first, the result multiplied last.
    start : {"random", "copy"}
        How it begins. "random": the usual random weights. "copy": as if it enlarged by nearest neighbours, so that it
        need not learn first what an image is. The first two features are the image and its negative, and the blocks
        add nothing yet: their last normalisations have a gain of zero (Goyal et al. 2017, arXiv:1706.02677,
        Sect. 5.1), which is learnt like any other weight.

    Raises
    ------
    ValueError
        Where there are no channels or fewer than no blocks, or `start` is unknown or needs more channels.
    """

    halo = 0
    border = "own"
    multiple_of = 1

    def __init__(self, channels=64, blocks=5, *, odd=False, constant=1.0, start="random"):
        super().__init__()
        if channels < 1 or blocks < 0:
            msg = f"channels is {channels} and blocks is {blocks}: the paper's network needs at least 1 and 0"
            raise ValueError(msg)
        self.channels, self.odd, self.constant, self.bfloat16 = channels, odd, constant, False
        self.first = _convolution(1, channels)
        self.blocks = nn.ModuleList(
            nn.Sequential(*_normalised(channels), nn.ReLU(), *_normalised(channels)) for _ in range(blocks)
        )
        self.closing = nn.Sequential(*_normalised(channels))
        self.fine = _convolution(channels, channels, padded=False)  # of the enlarged features, see `_fine`
        self.last = _convolution(channels, 1, size=1)
        if start not in ("random", "copy") or (start == "copy" and channels < 2):
            msg = f"start is {start!r} with {channels} channels, expected 'random', or 'copy' with at least 2"
            raise ValueError(msg)
        if start == "copy":
            self._copy()
        self.to(memory_format=torch.channels_last)  # faster on processors

    @torch.no_grad()
    def _copy(self):
        """Set the weights so that the network enlarges by nearest neighbours."""
        for branch in (*self.blocks, self.closing):
            nn.init.zeros_(branch[-1].weight)
        signs = torch.tensor([1.0, -1.0])
        nn.init.zeros_(self.first.weight[:2])
        self.first.weight[:2, 0, 1, 1] = signs
        nn.init.zeros_(self.fine.weight[:2])
        self.fine.weight[[0, 1], [0, 1], 1, 1] = 1.0
        nn.init.zeros_(self.last.weight)
        self.last.weight[0, :2, 0, 0] = signs

    @property
    def reach(self):
        """Input pixels by which an input pixel's influence extends, along an axis."""
        return 3 + 2 * len(self.blocks)

    @property
    def multiply_adds(self):
        """Number of multiplications in the convolutions per input pixel, the last two done for each phase apart."""
        body = [layer for layer in (*self.blocks.modules(), *self.closing) if isinstance(layer, nn.Conv2d)]
        head = 4 * (4 * self.channels**2 + self.channels)  # 2x2 taps, see `sunpy_enhance._paper.phase_kernel`
        return sum(layer.weight.numel() for layer in (self.first, *body)) + head

    def forward(self, images):
        """(n, 1, y, x) -> (n, 1, 2y, 2x)."""
        first = functional.relu(self.first(images / self.constant))
        # The sums that run through the network, and its two ends, stay in float32: bfloat16 has steps of 0.4 %.
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.bfloat16):
            features = first
            for block in self.blocks:
                features = features + block(features)
            features = first + self.closing(features)
            fine = self._fine(features)
        phases = self.last(fine.to(images.dtype)).chunk(4)
        return functional.pixel_shuffle(torch.cat(phases, dim=1), 2) * self.constant

    def _fine(self, features):
        """Return the convolution of the enlarged features and its ReLU, (n, c, y, x) -> (4 n, c, y, x).

        One of the four output pixels of each input pixel after the other, without the enlargement, which takes less
        than half of the multiplications: see `sunpy_enhance._paper.phase_kernel`.
        """
        around = functional.pad(features, (1, 1, 1, 1), mode="replicate")
        height, width = (n + 1 for n in features.shape[2:])
        fold = torch.tensor(FOLD, dtype=self.fine.weight.dtype, device=features.device)
        phases = [
            functional.conv2d(
                around[:, :, row : row + height, column : column + width],
                fold[row] @ self.fine.weight @ fold[column].T,
                self.fine.bias,
            )
            for row, column in itertools.product((0, 1), repeat=2)
        ]
        return functional.relu(torch.cat(phases))
