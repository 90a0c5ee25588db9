"""Maps from FITS files and into them."""

import contextlib
import os
import uuid
import warnings

from .uncertainty import append_sigma, with_sigma

__all__ = ["complete_file", "discard_leftovers", "read_complete_header", "read_map", "write_map"]

# FITS files are written in blocks of so many bytes.
_BLOCK = 2880


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
    with complete_file(path) as temporary:
        smap.save(temporary, filetype="fits", overwrite=True)
        append_sigma(smap, temporary)


@contextlib.contextmanager
def complete_file(path):
    """Give a temporary name, and move to `path` what was written under it once all of it is on the disk.

    A process that is killed at any moment leaves the old file or the new one, and at worst a file with the temporary
    name beside it, which no other process uses.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield temporary
        _sync(temporary, os.O_RDWR)
        temporary.replace(path)
        if os.name == "posix":  # Windows cannot open a folder
            _sync(path.parent, os.O_RDONLY)
    finally:
        temporary.unlink(missing_ok=True)


def _sync(path, flags):
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def discard_leftovers(folder, names):
    """Delete the temporary files that killed processes have left of the files of these names."""
    for path in folder.glob(".*.part"):
        if path.name[1:].rpartition(".part")[0].rpartition(".")[0] in names:
            with contextlib.suppress(OSError):  # Windows: another process has it open
                path.unlink()


def read_complete_header(path):
    """Return the primary header of a FITS image, or None where the file is none, or not all of it is there."""
    from astropy.io import fits

    with path.open("rb") as stream:
        try:
            header = fits.Header.fromfile(stream)
        except (OSError, EOFError, ValueError, fits.VerifyError):
            return None
        start = stream.tell()
    try:
        pixels = abs(header["BITPIX"]) // 8
        for axis in range(header["NAXIS"]):
            pixels *= header[f"NAXIS{axis + 1}"]
    except KeyError:
        return None
    expected = start + -(-pixels // _BLOCK) * _BLOCK
    return header if path.stat().st_size >= expected else None
