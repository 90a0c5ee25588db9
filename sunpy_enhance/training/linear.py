"""The linear restoration filter: what a network stands on, and has to beat."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from sunpy_enhance.validation.scores import crop

__all__ = ["LinearFilter"]


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
