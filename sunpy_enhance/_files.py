"""Maps from FITS files and into them."""

import warnings

from .uncertainty import append_sigma, with_sigma

__all__ = ["read_map", "write_map"]


def read_map(path):
    """Read the one Map of a FITS file, or raise an error that names the file and says what is wrong with it."""
    from astropy.io.fits.verify import VerifyWarning

    import sunpy.map
    from sunpy.map.map_factory import NoMapsInFileError
    from sunpy.map.mapbase import MapMetaValidationError

    with warnings.catch_warnings():
        # JSOC writes 'nan' and lower-case exponents into its headers; astropy mends them and says so at length.
        warnings.simplefilter("ignore", VerifyWarning)
        try:
            smap = sunpy.map.Map(path)
        except (MapMetaValidationError, NoMapsInFileError) as error:
            reason = str(error).partition("\n")[0]
            msg = f"{path} is no solar image with a full header ({reason}): use a file as JSOC or VSO deliver it"
            raise ValueError(msg) from error
    if isinstance(smap, list):
        smap = with_sigma(smap) or smap
    if isinstance(smap, list):
        msg = f"{path} has {len(smap)} images, expected one: save the one that is to be enhanced in a file of its own"
        raise ValueError(msg)
    return smap


def write_map(smap, path):
    """Write a FITS file that appears only when it is complete."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        smap.save(temporary, filetype="fits", overwrite=True)
        append_sigma(smap, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
