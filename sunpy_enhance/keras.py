"""Networks of the authors' code: from weights that Keras wrote to an ONNX file with its card."""

import hashlib
import importlib.metadata
from pathlib import Path

import numpy as np

from ._extras import telling_the_extra
from ._files import check_folder
from .card import OBSERVABLES, ModelCard

__all__ = ["MU_OF_THE_PAPER", "import_keras"]

# Lowest cosine of the heliocentric angle at which the paper compares the network with a larger telescope: NOAA 12192
# (S14, E05) on 2014 October 22, in Sect. 3.2.1. Of the limb it says that artifacts appear there.
MU_OF_THE_PAPER = 0.94

# Noise that the networks were trained with, Sect. 2.6, in the unit of the card.
_NOISE = {"continuum": 1e-3, "magnetogram": 10.0}
# The magnetograms were divided by 10^3, "so they are treated in kG" (Sect. 2.6).
_KILOGAUSS = 1000.0


def import_keras(
    weights,
    path,
    *,
    observable,
    name=None,
    version="1.0",
    licence="unknown",
    citation="unknown",
    origin="weights of Keras",
    mu_validated=MU_OF_THE_PAPER,
    noise=None,
    psf=None,
    target=None,
):
    """Turn Keras weights of the network of Díaz Baso & Asensio Ramos (2018) [1]_ into an ONNX file with its card.

    The network is that of the authors' code [2]_, "keepsize", of any number of residual blocks and channels, with ReLU
    as its activation. It takes continuum in units of the quiet Sun, or the field in kG.

    Parameters
    ----------
    weights : path
        HDF5 file in the layout of Keras 2, of weights alone or of the whole network.
    path : path
        The ONNX file. It appears only when it is complete.
    observable : {"continuum", "magnetogram"}
    name : str, optional
        Of the network; default: that of the ONNX file.
    version, licence, citation : str, optional
        For the card.
    origin : str, optional
        Where the weights come from, for the card.
    mu_validated : float, optional
        Lowest cosine of the heliocentric angle that the network is trusted at; by default that of the paper.
    noise : float, optional
        Standard deviation of the noise that it was trained with, in units of the quiet Sun or in gauss; by default that
        of the paper.
    psf, target : dict, optional
        The point spread functions that it removes and leaves, as keyword arguments of
        `sunpy_enhance.optics.psf_from_card`; by default those of the paper.

    Returns
    -------
    ModelCard
        Without metrics: nothing was measured.

    Raises
    ------
    FileNotFoundError
        Where there are no such weights, or no folder for `path`.
    ValueError
        Where the weights are not those of such a network, the file is damaged or is `path` itself; or of a value that
        no card can have.
    ImportError
        Where h5py or onnx is not installed.

    Notes
    -----
    In a file of weights alone nothing tells the activation, unless it is a layer with a name such as "leaky_re_lu_1": a
    network that was trained with another one than ReLU is not recognised. Batch normalisation is folded into the
    convolutions with Keras' epsilon, 1e-3.

    References
    ----------
    .. [1] Diaz Baso & Asensio Ramos (2018), A&A 614, A5, https://doi.org/10.1051/0004-6361/201731344
    .. [2] https://github.com/cdiazbas/enhance

    Examples
    --------
    >>> from sunpy_enhance.keras import import_keras
    >>> import_keras("network/intensity_weights.hdf5", "mine.onnx", observable="continuum")  # doctest: +SKIP
    """
    if observable not in OBSERVABLES:
        msg = f"observable is {observable!r}, expected one of {', '.join(map(repr, OBSERVABLES))}"
        raise ValueError(msg)
    weights, path = Path(weights), Path(path)
    check_folder(path)
    if path.exists() and weights.exists() and path.samefile(weights):
        msg = f"{path} is the file with the weights, which would be lost: give the ONNX file another name"
        raise ValueError(msg)
    with telling_the_extra("keras"):
        import h5py  # noqa: F401 (to say at once that it is missing)

        from ._onnx import session_of, write

    from ._halo import measure_halo
    from ._keras import read_keras
    from ._paper import paper_graph

    magnetic = observable == "magnetogram"
    constant = _KILOGAUSS if magnetic else 1.0
    network, versions = read_keras(weights)
    model = paper_graph(network, constant).model(name or path.stem)
    run = session_of(model)
    try:
        halo = measure_halo(lambda image: run(np.float32(constant) * image))
    except RuntimeError as error:
        msg = f"{weights} is not usable: {error}"
        raise ValueError(msg) from error
    if halo > network.reach:
        msg = f"{weights}: the measured halo is {halo} pixels, but the layers add up to {network.reach}"
        raise RuntimeError(msg)
    card = ModelCard(
        name=name or path.stem,
        version=version,
        licence=licence,
        citation=citation,
        instrument="HMI",
        observable=observable,
        unit="G" if magnetic else "",
        normalisation=constant if magnetic else "quiet_sun",
        plate_scale=0.504,
        plate_scale_tolerance=0.01,
        mu_validated=mu_validated,
        scale=2,
        # Weights may be so small that the farthest pixels' influence on one image is lost in rounding.
        halo=network.reach,
        multiple_of=1,
        border="own",
        psf=psf or {"kind": "wachter", "omega": 2.0, "width": 3.4},
        target=target or {"kind": "airy", "diameter": 0.28},
        noise=_NOISE[observable] if noise is None else noise,
        data={weights.name: hashlib.sha256(weights.read_bytes()).hexdigest()},
        recipe=f"{origin}, converted by sunpy_enhance",
        seed=0,
        commit="",
        libraries=versions | {package: importlib.metadata.version(package) for package in ("h5py", "onnx")},
        metrics={},
    )
    write(model, card, path)
    return card
