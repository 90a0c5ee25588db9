"""Point spread functions as model cards and recipes describe them."""

import functools
from pathlib import Path

import astropy.units as u

from ._psf import AiryPSF, DeltaPSF, WachterPSF
from ._psf_couvidat import CouvidatPSF
from ._psf_measured import MeasuredPSF
from ._psf_pixel import PixelPSF
from ._psf_yeo import YeoPSF

__all__ = ["psf_from_card"]

_PSFS = {
    "wachter": WachterPSF,
    # Both sets of parameters of Eq. 6: the original's, and the fit of Sect. 2.6, which is the default.
    "wachter2012": functools.partial(WachterPSF, omega=1.8, width=3.0),
    "diazbaso2018": functools.partial(WachterPSF, omega=2.0, width=3.4),
    "airy": AiryPSF,
    "delta": DeltaPSF,
    "couvidat": CouvidatPSF,
    "yeo": YeoPSF,
    "measured": None,
}


def psf_from_card(kind, *, pixel=None, directory=None, **parameters):
    """Return the PSF that a model card or a recipe describes.

    Parameters
    ----------
    kind : {"wachter", "wachter2012", "diazbaso2018", "airy", "delta", "couvidat", "yeo", "measured"}
        Which. "wachter2012" and "diazbaso2018" are `WachterPSF` with the parameters of either paper.
    pixel : float, optional
        Side of the detector's square pixel in arcsec, where the PSF has not got it in it: see `PixelPSF`.
    directory : path, optional
        Where the file of a measured PSF is; only that kind needs it.
    **parameters
        Those of `WachterPSF`, `AiryPSF`, `CouvidatPSF` or `YeoPSF`. For a measured PSF: ``file`` (its path below
        `directory`) and ``sha256``; if need be ``plate_scale`` (arcsec), ``center`` and ``extension`` as in
        `MeasuredPSF.from_fits`.

    Returns
    -------
    PSF

    Raises
    ------
    ValueError
        For an unknown `kind`, or a measured PSF without its file, directory or hash.
    """
    if kind not in _PSFS:
        msg = f"PSF {kind!r} is unknown, expected one of {sorted(_PSFS)}"
        raise ValueError(msg)
    psf = _measured(directory, **parameters) if kind == "measured" else _PSFS[kind](**parameters)
    return psf if pixel is None else PixelPSF(psf, pixel)


def _measured(directory, file=None, sha256=None, plate_scale=None, **options):
    if directory is None or file is None or sha256 is None:
        msg = "a measured PSF needs its file and sha256, from the card or recipe, and a directory: give all three"
        raise ValueError(msg)
    if plate_scale is not None:
        plate_scale = plate_scale * u.arcsec
    return MeasuredPSF.from_fits(Path(directory) / file, sha256=sha256, plate_scale=plate_scale, **options)
