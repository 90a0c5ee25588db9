"""What made an enhanced Map, for its header."""

import importlib.metadata
import re
import unicodedata

__all__ = ["UNDONE", "given_level", "history_of", "keywords_of", "versions"]

_GIVEN = re.compile(r"sunpy_enhance: quiet Sun (\S+) \(given( per pixel)?\)")
# What `sunpy_enhance.optics.redegrade` writes: what stands before it is of an enhancement that has been undone.
UNDONE = "sunpy_enhance: degraded again to the resolution of HMI"


def keywords_of(network, limb):
    """Return the keywords that name the network, and what was done beyond the validated limb."""
    return {
        # FITS drops a text that is not ASCII, the keyword included.
        "enhmodel": _ascii(network.card.name) or "unnamed",
        "enhver": _ascii(network.card.version),
        "enhsha": network.sha256,
        "enhdev": network.device,
        "enhlimb": limb,
    }


def history_of(network, limb, calibration):
    """Return the sentences for HISTORY."""
    card = network.card
    level = "field in gauss"
    if calibration.quiet_sun is not None:
        level = f"quiet Sun {calibration.quiet_sun.level:.6g} ({calibration.quiet_sun.source})"
    return [
        f"sunpy_enhance: enhanced with the network {card.name} {card.version} on {network.device}, limb={limb}",
        f"sunpy_enhance: {level}; mu validated down to {card.mu_validated:g}",
        "sunpy_enhance: SHA-256 of the network",
        network.sha256,
        f"sunpy_enhance: licence of the network {card.licence}, cite {_ascii(card.citation)}",
        f"sunpy_enhance: {versions()}",
    ]


def given_level(meta):
    """Return the quiet-Sun level that was given, as `history_of` wrote it, or None where it was found."""
    found = _GIVEN.search(str(meta.get("history") or "").rpartition(UNDONE)[2])
    if found and found[2]:
        msg = "the Map was enhanced with a quiet-Sun level of each pixel: give that again with quiet_sun="
        raise ValueError(msg)
    return float(found[1]) if found else None


def _ascii(text):
    """Return a text in one line and without its accents, which FITS does not know."""
    return " ".join(unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().split())


def versions():
    """Return the versions of the packages that make the numbers, as one string."""
    from . import __version__

    found = [f"sunpy_enhance {__version__}"]
    for name in ("onnxruntime", "onnxruntime-gpu", "sunpy", "astropy", "numpy", "scipy"):
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)
