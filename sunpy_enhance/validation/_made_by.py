"""What made an enhanced Map: a network or another method, and the telescopes that it is between."""

from sunpy_enhance._network import load_network
from sunpy_enhance.optics import psf_from_card

__all__ = ["METHODS", "made_by", "telescope"]

# What is not a network and has no card, with the telescope that is left in it. Bicubic interpolation removes nothing:
# it is judged as if it were what it is compared with.
METHODS = {"richardson-lucy": {"kind": "delta"}, "bicubic": {"kind": "airy"}}


def made_by(meta, kind, model=None):
    """Return the name of the method, a card, and the telescope that is left, as a card has it.

    The card is that of the network, or where none made the Map, that of the default for the observable.
    """
    name = model if model is not None else meta.get("enhmodel")
    if name is None:
        msg = "the header has no ENHMODEL: give the network that made the Map with model="
        raise ValueError(msg)
    if isinstance(name, str) and name in METHODS:
        return name, load_network(kind, "cpu").card, METHODS[name]
    try:
        network = load_network(name, "cpu")
    except (FileNotFoundError, ValueError) as error:
        msg = f"the network {name!r} of the enhanced Map is not known ({error}): give its file with model="
        raise ValueError(msg) from error
    card = network.card
    if model is None and meta.get("enhsha", network.sha256) != network.sha256:
        msg = (
            f"the Map was made by another network called {name!r} (version {meta.get('enhver')}) than the shipped one "
            f"(version {card.version}): give its file with model=, or model={name!r} to take this one's telescopes"
        )
        raise ValueError(msg)
    return card.name, card, card.target


def telescope(name, key, described):
    """Return the PSF that a card describes under a key."""
    if not described:
        msg = f"the card of {name} has no {key}: give it with {key}="
        raise ValueError(msg)
    return psf_from_card(**described)
