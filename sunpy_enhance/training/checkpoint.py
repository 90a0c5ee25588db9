"""The state of a training, so that a run that was killed goes on as if nothing had happened."""

from pathlib import Path

import torch

__all__ = ["load_checkpoint", "save_checkpoint"]


def save_checkpoint(path, state, *, step, identity):
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
    """
    saved = {name: part.state_dict() for name, part in state.items()}
    temporary = Path(f"{path}.part")
    torch.save({"identity": identity, "step": step, "state": saved}, temporary)
    temporary.replace(path)


def load_checkpoint(path, state, *, identity):
    """Set the state of a training to that of a file.

    Parameters
    ----------
    path : path
    state : dict
        As for `save_checkpoint`.
    identity : str
        As for `save_checkpoint`.

    Returns
    -------
    int
        Steps done.

    Raises
    ------
    ValueError
        Where the file is of another training.
    """
    saved = torch.load(path, weights_only=True, map_location="cpu")
    if saved.get("identity") != identity:
        msg = f"checkpoint {path} is of another recipe or other patches: go on with those, or delete it to start anew"
        raise ValueError(msg)
    for name, part in state.items():
        part.load_state_dict(saved["state"][name])
    return saved["step"]
