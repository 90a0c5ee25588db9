"""Model names and the ONNX files behind them."""

import importlib.resources
import os
import pathlib

from ._files import with_home
from .card import OBSERVABLES
from .published import PUBLISHED, fetch_network, published_names

__all__ = ["available_models"]

# The files are <name>.onnx in this folder; the defaults have the names of the observables that they enhance. Beside
# them: a smaller network, the best linear filter as a baseline, and the architecture of the paper.
_FOLDER = importlib.resources.files(__package__) / "data"
_VARIANTS = ("", "-fast", "-linear", "-paper")
_SHIPPED = tuple(observable + variant for observable in OBSERVABLES for variant in _VARIANTS)


def available_models():
    """Return the networks that come with the package.

    Returns
    -------
    dict
        Name to `~sunpy_enhance.ModelCard`.

    Raises
    ------
    FileNotFoundError
        Where a file of the installation is missing.
    """
    from ._network import load_network

    return {name: load_network(name, "cpu").card for name in _SHIPPED}


def default_model(smap):
    """Return the name of the network for a Map, or raise if there is none for it."""
    from ._hmi import observable

    return observable(smap)


def model_for(smap, model=None):
    """Return the network that is meant for a Map: the default, or that of a publication for what the Map shows."""
    if model is None:
        return default_model(smap)
    return f"{model}-{default_model(smap)}" if isinstance(model, str) and model in PUBLISHED else model


def choices(model=None):
    """Return the networks of which `model_for` gives one, whatever the Map."""
    if model is None:
        return OBSERVABLES
    return published_names(model) if isinstance(model, str) and model in PUBLISHED else (model,)


def is_name(model):
    """Return whether a model is the name of a shipped or published network, and not the path of a file."""
    return isinstance(model, str) and model in (*_SHIPPED, *PUBLISHED, *published_names())


def resolve(model):
    """Return the path of a network; a published one is fetched where it is not there.

    Parameters
    ----------
    model : str or os.PathLike
        A shipped or published name or the path of an ONNX file.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    TypeError
        Where it is neither a string nor a path.
    ValueError
        Where it is no shipped or published name and does not look like a path.
    FileNotFoundError
        Where there is no such file.
    ConnectionError, ImportError
        Where a published network cannot be fetched: see `sunpy_enhance.published.fetch_network`.
    """
    names = ", ".join((*_SHIPPED, *published_names()))
    if not isinstance(model, (str, os.PathLike)):
        msg = f"model is a {type(model).__name__}, expected a name ({names}) or the path of an .onnx file"
        raise TypeError(msg)
    if model in PUBLISHED:
        msg = f"{model} has a network for each observable: choose one of {', '.join(published_names(model))}"
        raise ValueError(msg)
    if model in published_names():
        return fetch_network(model)[model]
    if model in _SHIPPED:
        path = pathlib.Path(str(_FOLDER / f"{model}.onnx"))
        advice = "install sunpy_enhance again"
    else:
        path = with_home(model)
        advice = "check the path"
        if isinstance(model, str) and path.suffix != ".onnx" and not path.is_file():
            msg = f"there is no model {model!r}: choose one of {names}, or give the path of an .onnx file"
            raise ValueError(msg)
    if not path.is_file():
        msg = f"the model file {path} does not exist: {advice}"
        raise FileNotFoundError(msg)
    return path
