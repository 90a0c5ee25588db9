"""One input of a batch and what becomes of it: read, enhance, check, write; or find that it is done."""

import contextlib
import dataclasses
import hashlib
import inspect
import logging
import math
import threading
import time
from pathlib import Path

from ._files import complete_file, read_headers, read_map, write_map
from ._hmi import with_unit
from ._inputs import ENDING, Source
from ._network import load_network
from .enhance import enhance_map
from .models import choices, model_for, resolve
from .uncertainty import has_sigma

__all__ = ["OWN_OUTPUT", "Job", "Outcome", "attempt", "made_by", "options_text"]

# Why an input was skipped that is none.
OWN_OUTPUT = "an output of sunpy_enhance itself"

# A worker's threads read and write while one of them computes, which takes the cores and the memory that it has.
_COMPUTING = threading.Lock()

# Input pixels, 8 arcsec: within lies 96 % of the light of HMI's point spread function, as in `validation.check`.
_RESIDUAL_BORDER = 16

# Matplotlib is not safe for several threads at a time.
_DRAWING = threading.Lock()


@dataclasses.dataclass(frozen=True)
class Job:
    """What a worker is given; small, where the source is a file.

    Attributes
    ----------
    number : int
        Of the input.
    source : Source
    output : pathlib.Path
        Absolute.
    model : str, os.PathLike or None
    device : {"auto", "cuda", "cpu"}
    options : dict
        More of `sunpy_enhance.enhance_map`.
    overwrite, residual, pictures, catch : bool
        Whether to replace whatever is there, to re-degrade the result, to draw it, and to turn an error into
        an `Outcome`.
    """

    number: int = 0
    source: Source | None = None
    output: Path | None = None
    model: object = None
    device: str = "auto"
    options: dict = dataclasses.field(default_factory=dict)
    overwrite: bool = False
    residual: bool = False
    pictures: bool = False
    catch: bool = True


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A row of the table, without the names of the files."""

    status: str
    device: str = ""
    seconds: float = 0.0
    residual: float = math.nan
    unit: str = ""
    message: str = ""


def attempt(job):
    """Do a job, or say what is wrong with it."""
    start = time.perf_counter()
    try:
        outcome = _do(job)
    # An archive has files with faults that nobody has thought of, and its other files are to be enhanced all the same.
    except Exception as error:
        if not job.catch:
            raise
        message = " ".join(str(error).split()) or type(error).__name__
        outcome = Outcome("failed", message=message)
    return dataclasses.replace(outcome, seconds=time.perf_counter() - start)


def _do(job):
    source = job.source
    if source.problem:
        raise FileNotFoundError(source.problem)
    made_of = _sha256(source)
    with_options = options_text(job.options)
    picture = job.output.with_suffix(".png")
    header = None
    if not job.overwrite:
        header = _of_earlier(job.output, job.model, made_of, with_options)
        if header is not None and ("ENHRESID" in header or not job.residual):
            return _skipped(job, header, picture)
        if job.pictures and picture.exists() and not job.output.exists():
            msg = f"{picture} exists and no output of sunpy_enhance is beside it: move it away, or overwrite it"
            raise FileExistsError(msg)
    smap = _read(source)
    if source.stem.endswith(ENDING) and "enhsha" in smap.meta:  # by a shell's *.fits, in the folder of the outputs
        return Outcome("skipped", message=OWN_OUTPUT)
    with _COMPUTING, _without_a_line_for_each():
        enhanced = enhance_map(smap, model=job.model, device=job.device, **job.options)
    enhanced.meta["enhinsha"] = made_of
    enhanced.meta["enhargs"] = with_options
    residual = math.nan
    if job.residual:
        card = load_network(model_for(smap, job.model), job.device).card
        with _COMPUTING:
            residual = _residual(smap, enhanced, card)
        # A FITS header has no number for NaN, and without the keyword it would be made again each time.
        enhanced.meta["enhresid"] = residual if math.isfinite(residual) else "nan"
    if header is None and _of_ours(job.output):
        picture.unlink(missing_ok=True)  # it shows what is about to be replaced
    write_map(enhanced, job.output)
    if job.pictures:  # after the FITS file, which tells whose picture it is
        _draw(smap, enhanced, picture)
    return Outcome(
        "enhanced",
        device=enhanced.meta["enhdev"],
        residual=residual,
        unit=str(enhanced.meta.get("bunit", "")),
        message=_describe(enhanced),
    )


def _skipped(job, header, picture):
    """Return the outcome of what is done; what is missing of it is a picture at most."""
    message = "done before"
    if job.pictures and not picture.exists():
        _draw(_read(job.source), read_map(job.output), picture)
        message = "done before, its picture is new"
    return Outcome(
        "skipped",
        device=header.get("ENHDEV", ""),
        residual=float(header.get("ENHRESID", math.nan)),
        unit=header.get("BUNIT", ""),
        message=message,
    )


def _read(source):
    return with_unit(read_map(source.path) if source.smap is None else source.smap)


def _draw(smap, enhanced, picture):
    from ._figures import before_after

    with complete_file(picture) as temporary, _DRAWING:
        before_after(smap, enhanced, temporary)


@contextlib.contextmanager
def _without_a_line_for_each():
    """Keep the log quiet about where a network ran: the table has it."""
    from sunpy import log

    level = log.level
    log.setLevel(max(level, logging.WARNING))
    try:
        yield
    finally:
        log.setLevel(level)


def options_text(options):
    """Return the options that change the result, as they stand in the output's header (ENHARGS)."""
    defaults = {name: one.default for name, one in inspect.signature(enhance_map).parameters.items()}
    told = {
        name: value
        for name, value in options.items()
        if name not in ("tile_size", "progress") and not _same(value, defaults[name])
    }
    text = ", ".join(f"{name}={value}" for name, value in sorted(told.items()))
    # A card holds 68 characters of ASCII.
    return text if text.isascii() and len(text) <= 68 else hashlib.sha256(text.encode()).hexdigest()


def _same(value, default):
    return value is default or (isinstance(value, (str, bool)) and value == default)


def _sha256(source):
    """Return the hash of an input's file, or of the data and the header of a Map."""
    if source.smap is None:
        with source.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    import numpy as np

    data = np.ascontiguousarray(source.smap.data)
    digest = hashlib.sha256(data.view(np.uint8).reshape(-1))
    digest.update(repr((data.shape, data.dtype.str, sorted(source.smap.meta.items()))).encode())
    if source.smap.mask is not None:
        digest.update(np.packbits(np.asarray(source.smap.mask)).tobytes())
    return digest.hexdigest()


def _of_ours(output):
    """Return whether an output was made by sunpy_enhance, and so the picture beside it."""
    headers, _ = read_headers(output) if output.exists() else ([], False)
    return bool(headers) and "ENHSHA" in headers[0]


def _of_earlier(output, model, made_of, with_options):
    """Return the header of an output that an earlier run has made of the same, or None where it has to be made.

    Raises
    ------
    FileExistsError
        Where something else has the output's name.
    """
    if not output.exists():
        return None
    headers, _ = read_headers(output)
    if not headers:
        with output.open("rb") as stream:
            beginning = stream.read(9)
        if beginning and beginning != b"SIMPLE  =":
            msg = f"{output} exists and is no FITS file: move it away, or overwrite it"
            raise FileExistsError(msg)
        return None  # broken
    header = headers[0]
    if "ENHSHA" not in header:
        msg = f"{output} exists and was not made by sunpy_enhance: move it away, or overwrite it"
        raise FileExistsError(msg)
    if (header.get("ENHINSHA"), header.get("ENHARGS")) != (made_of, with_options):
        return None
    return made_by(output, model)


def made_by(output, model):
    """Return the header of a complete output if the network that made it is that of a name now, else None."""
    headers, complete = read_headers(output) if output.exists() else ([], False)
    if not complete:
        return None
    header = headers[0]
    if "uncertainty=True" in str(header.get("ENHARGS")) and not has_sigma(headers):
        return None
    names = choices(model)
    # Of several the one that made it: the input, and so its observable, is the same.
    model = names[0] if len(names) == 1 else header.get("ENHMODEL")
    if model not in names:
        return None
    same = header.get("ENHSHA") == hashlib.sha256(resolve(model).read_bytes()).hexdigest()
    return header if same else None


def _residual(smap, enhanced, card):
    """Return the RMS of the re-degraded result minus the input, away from what was not enhanced."""
    import numpy as np

    from ._pixels import dilate
    from .optics import psf_from_card, redegrade

    optics = {name: psf_from_card(**one) for name, one in (("psf", card.psf), ("target", card.target)) if one}
    difference = redegrade(enhanced, **optics).data - np.asarray(smap.data, dtype=np.float32)
    if enhanced.mask is not None:
        difference = difference[~dilate(enhanced.mask[::2, ::2], _RESIDUAL_BORDER)]
    difference = difference[np.isfinite(difference)]
    return float(np.sqrt(np.mean(np.square(difference, dtype=np.float64)))) if difference.size else math.nan


def _describe(enhanced):
    flagged = 0 if enhanced.mask is None else enhanced.mask.mean()
    shape = " x ".join(map(str, enhanced.data.shape))
    return f"{enhanced.measurement}, {shape} pixels on {enhanced.meta['enhdev']}, {flagged:.1%} flagged"
