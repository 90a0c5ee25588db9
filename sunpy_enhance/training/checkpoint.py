"""The state of a training, so that a run that was killed goes on as if nothing had happened."""

import pickle
from pathlib import Path

import numpy as np
import torch

__all__ = ["content_of", "load_checkpoint", "save_checkpoint"]

# Patches that are looked at.
_LOOKED_AT = 512


def content_of(patches):
    """Return what other truth is known by.

    Parameters
    ----------
    patches : `~sunpy_enhance.training.patches.Patches`
        What is trained on.

    Returns
    -------
    `torch.Tensor`
        The mean and the root mean square of some targets, (2, n).
    """
    some = np.unique(np.linspace(0, len(patches) - 1, _LOOKED_AT).astype(int))
    targets = patches.targets[some].reshape(len(some), -1).astype(float)
    return torch.from_numpy(np.stack([targets.mean(axis=1), np.sqrt(np.mean(targets**2, axis=1))]))


def _same(content, other):
    if content is None or content.shape != other.shape:  # none: of an earlier version
        return False
    # Another machine rounds otherwise: in a patch, and in the transforms of the image that it is from.
    return bool(((content - other).abs() <= 1e-4 * other[1] + 1e-6 * other[1].max()).all())


def save_checkpoint(path, state, *, step, identity, content):
    """Write the state of a training; the file is replaced only when the new one is complete.

    Parameters
    ----------
    path : path
    state : dict
        Name to anything with ``state_dict``.
    step : int
        Steps done.
    identity : str
        What the training is of, see `load_checkpoint`.
    content : `torch.Tensor`
        Of its patches, see `content_of`.
    """
    saved = {name: part.state_dict() for name, part in state.items()}
    temporary = Path(f"{path}.part")
    torch.save({"identity": identity, "content": content, "step": step, "state": saved}, temporary)
    temporary.replace(path)


def load_checkpoint(path, state, *, identity, content):
    """Set the state of a training to that of a file.

    Parameters
    ----------
    path : path
    state : dict
        As for `save_checkpoint`.
    identity : str
        As for `save_checkpoint`.
    content : `torch.Tensor`
        As for `save_checkpoint`; it may differ by what another machine rounds otherwise.

    Returns
    -------
    int
        Steps done.

    Raises
    ------
    ValueError
        Where the file is damaged, of another training, or of other truth.
    """
    try:
        saved = torch.load(path, weights_only=True, map_location="cpu")
    except (EOFError, KeyError, OSError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        msg = f"checkpoint {path} is damaged or none: delete it to start anew ({type(error).__name__}: {error})"
        raise ValueError(msg) from error
    if saved.get("identity") != identity or not _same(saved.get("content"), content):
        msg = f"checkpoint {path} is of another recipe or other patches: go on with those, or delete it to start anew"
        raise ValueError(msg)
    for name, part in state.items():
        part.load_state_dict(saved["state"][name])
    return saved["step"]
