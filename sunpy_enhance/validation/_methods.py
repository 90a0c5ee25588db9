"""The methods of a benchmark: networks, functions and references, each from patches to what it makes of them."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

__all__ = ["Function", "Trained", "methods_of"]

# Input pixels around a patch that a method gets which does not say how many it needs.
_HALO = 32

_OBSERVABLES = ("continuum", "magnetogram")

# Methods that stand beside those that are given, whatever these are.
_ADDED = ("bicubic", "continuum-linear", "magnetogram-linear")


class Function:
    """A function of one image as a method of `sunpy_enhance.validation.scores.evaluate`.

    Parameters
    ----------
    function : callable
    target : PSF, optional
        Of the telescope whose image it gives; by default the benchmark's.
    """

    def __init__(self, function, target=None):
        self.function, self.target = function, target
        self.given_halo = getattr(function, "halo", None)
        self.halo = _HALO if self.given_halo is None else self.given_halo

    def at(self, mu):  # noqa: ARG002 (as of a network)
        """Return itself: a function of images alone does not ask where on the disk they are."""
        return self

    def __call__(self, images):
        from sunpy_enhance.validation.scores import crop

        # A copy: the other methods get these images, too, whatever the function does to its own.
        results = [self.function(image.copy()) for image in images]
        several = isinstance(results[0], tuple)
        stacks = [np.stack(part) for part in (zip(*results, strict=True) if several else [results])]
        expected = tuple(2 * n for n in images.shape[1:])
        for name, stack in zip(("an image", "a standard deviation"), stacks, strict=False):
            if stack.shape[1:] != expected:
                msg = f"a method gives {name} of shape {stack.shape[1:]}, expected {expected}, twice the input"
                raise ValueError(msg)
        stacks = [crop(stack, 2 * self.halo) for stack in stacks]
        return tuple(stacks) if several else stacks[0]


class Trained:
    """A network as a method of `sunpy_enhance.validation.scores.evaluate`: run as users run it, on the Sun at a mu."""

    def __init__(self, network, mu=1.0):
        self.network, self.halo, self.mu = network, network.card.halo, mu

    def at(self, mu):
        """Return it for the Sun seen at an angle, whose cosine is mu."""
        return type(self)(self.network, mu)

    def __call__(self, images):
        from sunpy_enhance._network import apply_tiled
        from sunpy_enhance._sigma import factor_at
        from sunpy_enhance.validation.scores import crop

        card = self.network.card
        # Of its two outputs, a network that tells its error gives both.
        outputs = {"outputs": ("enhanced", "sigma")} if getattr(card, "uncertainty", None) else {}
        fits = all((length - 2 * self.halo) % card.multiple_of == 0 for length in images.shape[1:])
        if card.border == "pad" and fits:
            results = [self.network(image, **outputs) for image in images]
        else:
            # A network that pads by itself gets as much around a patch as it would see in a frame.
            results = [crop(np.array(apply_tiled(self.network, image, **outputs)), 2 * self.halo) for image in images]
        if not outputs:
            return np.stack(results)
        enhanced, sigma = map(np.stack, zip(*results, strict=True))
        return enhanced, sigma * factor_at(self.mu, enhanced, card.uncertainty)


def _richardson_lucy(kind):
    from sunpy_enhance._pixels import bilinear, rows_of
    from sunpy_enhance.optics import DeltaPSF, WachterPSF
    from sunpy_enhance.richardson_lucy import deconvolve

    signed = "offset" if kind == "magnetogram" else None

    def restore(image):
        fine = bilinear(rows_of(image, 0, len(image)))
        return deconvolve(fine, WachterPSF(), 0.252, iterations=50, signed=signed)

    return Function(restore, target=DeltaPSF())


def _named(models):
    """Return {name: model} of what was given."""
    if isinstance(models, dict):
        return models
    if isinstance(models, (str, Path)):
        models = [models]
    if not isinstance(models, Iterable):
        msg = f"models is {models!r}, expected names or paths of networks, or a dict of names to them or to functions"
        raise TypeError(msg)
    models = list(models)
    names = [Path(str(model)).stem for model in models]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        msg = f"two models are called {twice!r}: give models as a dict of names to them"
        raise ValueError(msg)
    return dict(zip(names, models, strict=True))


def _made(name, model, observable, device):
    """Return {observable: method} of one model."""
    from sunpy_enhance._network import load_network

    if isinstance(model, str) and model == "richardson-lucy":
        return {kind: _richardson_lucy(kind) for kind in ([observable] if observable else _OBSERVABLES)}
    if callable(model):
        if observable is None:
            msg = f"the method {name} is a function: say what it restores with observable="
            raise ValueError(msg)
        return {observable: Function(model)}
    method = Trained(load_network(model, device))
    return {method.network.card.observable: method}


def methods_of(models, observable, device):
    """Return {observable: {name: method}}, the linear filters last."""
    from sunpy_enhance import available_models

    if observable not in (None, *_OBSERVABLES):
        msg = f"observable is {observable!r}, expected 'continuum' or 'magnetogram'"
        raise ValueError(msg)
    found = {}
    for name, model in _named(models or list(available_models())).items():
        for kind, method in _made(name, model, observable, device).items():
            if name in _ADDED and not (isinstance(method, Trained) and method.network.card.name == name):
                msg = f"a method called {name!r} is always added: give yours another name in models"
                raise ValueError(msg)
            if observable in (None, kind):
                found.setdefault(kind, {})[name] = method
            elif models:
                msg = f"the network {name} is for {kind}, and observable is {observable!r}: leave one of the two out"
                raise ValueError(msg)
    for kind, methods in found.items():
        linear = f"{kind}-linear"
        if linear not in methods:
            methods[linear] = _made(linear, linear, kind, device)[kind]
    return found
