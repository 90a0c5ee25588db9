"""Maps from FITS files and into them."""

import contextlib
import math
import os
import uuid
import warnings
from pathlib import Path

from .uncertainty import append_sigma, with_sigma

__all__ = ["check_folder", "complete_file", "discard_leftovers", "read_headers", "read_map", "with_home", "write_map"]

# FITS files are written in blocks of so many bytes.
_BLOCK = 2880


def check_folder(path):
    """Raise FileNotFoundError where the folder of a file that is to be written is not there."""
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        msg = f"there is no folder {folder} for {Path(path).name}: make it first"
        raise FileNotFoundError(msg)


def with_home(path):
    """Return a path, its ~ or ~USER replaced; a file's name may begin with ~ where nobody is called so."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def read_map(path):
    """Read the one Map of a FITS file, or raise an error that names the file and says what is wrong with it."""
    from astropy.io.fits.verify import VerifyWarning

    import sunpy.map
    from sunpy.map.map_factory import NoMapsInFileError
    from sunpy.map.mapbase import MapMetaValidationError

    path = with_home(path)
    if path.suffix in (".bz2", ".xz"):
        msg = f"{path} is compressed as sunpy cannot read it: decompress it first"
        raise ValueError(msg)
    if not path.is_file():
        msg = f"there is no file {path}: check the path"
        raise FileNotFoundError(msg)
    with warnings.catch_warnings():
        # JSOC writes 'nan' and lower-case exponents into its headers; astropy mends them and says so at length.
        warnings.simplefilter("ignore", VerifyWarning)
        # Where nothing was enhanced, all of the uncertainty is NaN, and sunpy looks for its largest value.
        warnings.filterwarnings("ignore", message="All-NaN", category=RuntimeWarning)
        try:
            smap = sunpy.map.Map(path)
        except (MapMetaValidationError, NoMapsInFileError) as error:
            reason = _first_line(error)
            msg = f"{path} is no solar image with a full header ({reason}): use a file as JSOC or VSO deliver it"
            raise ValueError(msg) from error
        except OSError as error:
            # sunpy makes an OSError of whatever happens; those of the system, such as a refused access, have a number.
            cause = error.__cause__ or error
            if isinstance(cause, OSError) and cause.errno is not None:
                raise cause from None
            msg = f"{path} is damaged, or no FITS file ({_first_line(cause)}): download or make it again"
            raise ValueError(msg) from error
    if isinstance(smap, list):
        smap = with_sigma(smap) or smap
    if isinstance(smap, list):
        msg = f"{path} has {len(smap)} images, expected one: save the one that is to be enhanced in a file of its own"
        raise ValueError(msg)
    return smap


def _first_line(error):
    return str(error).partition("\n")[0].rstrip(".")


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


def discard_leftovers(folder, names, before):
    """Delete the temporary files that killed processes have left of the files of these names before a time.

    What is younger may be what another batch is writing.
    """
    for path in folder.glob(".*.part"):
        if path.name[1:].rpartition(".part")[0].rpartition(".")[0] in names:
            with contextlib.suppress(OSError):  # Windows: another process has it open
                if path.stat().st_mtime < before:
                    path.unlink()


def read_headers(path):
    """Return the headers of a FITS file, as far as they can be read, and whether all of the file is there."""
    from astropy.io import fits

    headers, end, size = [], 0, path.stat().st_size
    with path.open("rb") as stream:
        while end < size:
            stream.seek(end)
            try:
                headers.append(fits.Header.fromfile(stream))
                end = stream.tell() + _data_size(headers[-1])
            except (OSError, EOFError, ValueError, TypeError, KeyError, fits.VerifyError):
                return headers, False
    return headers, len(headers) > 0 and end == size


def _data_size(header):
    """Return the bytes of the data that follow a header: FITS standard 4.0, sections 3.3.2 and 4.4.1.2."""
    axes = [header[f"NAXIS{axis + 1}"] for axis in range(header["NAXIS"])]
    values = header.get("GCOUNT", 1) * (header.get("PCOUNT", 0) + math.prod(axes)) if axes else 0
    size = abs(header["BITPIX"]) // 8 * values
    return max(0, -(-size // _BLOCK) * _BLOCK)
