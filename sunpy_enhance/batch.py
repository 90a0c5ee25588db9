"""Many Maps: archives of files on one machine or a cluster, and sequences in memory."""

import contextlib
import dataclasses
import inspect
import numbers
import time
from pathlib import Path

import numpy as np

from ._files import discard_leftovers, with_home
from ._inputs import ENDING, sources
from ._jobs import OWN_OUTPUT, Job, Outcome, attempt
from ._quiet_sun_level import as_level
from .enhance import check_options, enhance_map
from .models import choices, is_name, resolve

__all__ = ["enhance_files", "enhance_sequence"]

_ON_ERROR = ("skip", "raise")


def enhance_files(
    files,
    outdir,
    *,
    client=None,
    workers=1,
    model=None,
    device="auto",
    overwrite=False,
    on_error="skip",
    residual=False,
    pictures=False,
    progress=True,
    **options,
):
    """Enhance many files, on one machine or on a cluster, so that it can be interrupted and run again.

    An output has its final name only when all of it is on the disk. Called again, after a crash or with more files,
    what is done is found and skipped: an output that is complete and whose header names the same network, the same
    input and the same options, with the uncertainty, the residual and the picture if they are asked for. Other outputs
    of this function are made again; where only the picture is missing, it is drawn.

    Parameters
    ----------
    files : path, str, sunpy.map.GenericMap, answer of Fido, or iterable of paths, globs, folders and Maps
        FITS files; patterns such as ``"hmi/*.fits"``; folders, of which all FITS files are taken; what
        `sunpy.net.Fido` has found (it is downloaded) or downloaded; Maps. Of patterns and folders, files named
        ``*_enhanced.fits`` are left out. A file that is named twice is taken once. An iterator is asked for the next
        one only when a worker is free.
    outdir : path
        Folder of the outputs, made if it is not there; workers have to see it under the same name. They are called
        ``<input>_enhanced.fits``; those of Maps ``hmi_<measurement>_<date>_<time>_enhanced.fits``.
    client : distributed.Client, optional
        Of the Dask cluster that does the work. Default: this process, or a `distributed.LocalCluster` for more
        than one worker.
    workers : int
        Processes on this machine. They share its cores, and its GPUs.
    model : str or os.PathLike, optional
        See `enhance_map`.
    device : {"auto", "cuda", "cpu"}
        See `enhance_map`.
    overwrite : bool
        Make all outputs again, and replace whatever has their names. By default a file that was not made by
        sunpy_enhance is kept, and its input fails; a PNG counts as made by it where the output is there, and is removed
        when that is made again.
    on_error : {"skip", "raise"}
        What to do when an input cannot be enhanced: go on with the others, or raise its error.
    residual : bool
        Check each result against its input: the root mean square of `sunpy_enhance.optics.redegrade` of the result
        minus the input, where it was enhanced. It takes about as long as the enhancement itself.
    pictures : bool
        Write a PNG of before and after beside each output.
    progress : bool
        Show a progress bar.
    **options
        ``limb``, ``uncertainty``, ``quiet_sun`` (a number or a Quantity) and ``tile_size`` of `enhance_map`.

    Returns
    -------
    astropy.table.QTable
        A row for each input, in their order: ``input``, ``output``, ``status`` ("enhanced", "skipped" or "failed"),
        ``device``, ``seconds``, ``residual`` (NaN where it was not asked for), ``unit`` (of the residual, as in
        the header), ``message``.

    Raises
    ------
    TypeError
        Where an argument, or an element of `files`, is of the wrong type, or an option is unknown.
    ValueError
        Where an option has a value that it cannot have.
    FileNotFoundError
        Where the model's file does not exist.
    ImportError
        Where Dask is asked for and not installed.
    Exception
        With ``on_error="raise"``, whatever was wrong with an input: see `enhance_map`.

    Examples
    --------
    >>> from sunpy_enhance import enhance_files
    >>> table = enhance_files("hmi/*.fits", "enhanced", workers=4)  # doctest: +SKIP
    >>> table[table["status"] == "failed"]["input", "message"]  # doctest: +SKIP
    """
    _check(client, workers, model, device, on_error, options)
    start, outdir = time.time(), with_home(outdir)
    outdir.mkdir(parents=True, exist_ok=True)
    found = sources(files, progress=progress)
    template = Job(
        model=_everywhere(model),
        device=device,
        options=options,
        overwrite=overwrite,
        residual=residual,
        pictures=pictures,
        catch=on_error == "skip",
    )
    outputs, rows = set(), {}
    total = len(found) if hasattr(found, "__len__") else None
    try:
        with _doing(_jobs(found, outdir, template, outputs), client, workers) as outcomes:
            for job, outcome in _shown(outcomes, total, progress):
                made = outcome.status != "failed" and outcome.message != OWN_OUTPUT
                output = str(outdir / job.output.name) if made else ""
                rows[job.number] = {"input": job.source.name, "output": output} | dataclasses.asdict(outcome)
    finally:
        discard_leftovers(outdir, outputs | {str(Path(name).with_suffix(".png")) for name in outputs}, start)
    return _table([rows[number] for number in sorted(rows)])


def enhance_sequence(maps, **options):
    """Enhance Maps one after the other, in their order.

    Parameters
    ----------
    maps : iterable of sunpy.map.GenericMap
        Such as a `sunpy.map.MapSequence`, or a generator, which is asked for the next Map only when that is wanted.
    **options
        Of `enhance_map`.

    Returns
    -------
    iterator of sunpy.map.GenericMap
        See `enhance_map`, which also says what is raised for each.

    Raises
    ------
    TypeError
        Where `maps` is one Map, or nothing that has several.

    Examples
    --------
    >>> from sunpy_enhance import enhance_sequence
    >>> from sunpy_enhance.demo import demo_maps
    >>> enhanced = list(enhance_sequence(demo_maps((64, 64)), device="cpu"))  # doctest: +IGNORE_OUTPUT
    >>> [smap.data.shape for smap in enhanced]
    [(128, 128), (128, 128)]
    """
    from sunpy.map import GenericMap

    if isinstance(maps, GenericMap) or not (hasattr(maps, "__iter__") or hasattr(maps, "__getitem__")):
        msg = f"maps is a {type(maps).__name__}, expected several Maps: give a list of them, or use enhance_map for one"
        raise TypeError(msg)
    return (enhance_map(smap, **options) for smap in maps)


def _check(client, workers, model, device, on_error, options):
    """Raise at once what would be wrong with every file."""
    if isinstance(workers, bool) or not isinstance(workers, numbers.Integral):
        msg = f"workers is a {type(workers).__name__}, expected a number of processes"
        raise TypeError(msg)
    if workers < 1:
        msg = f"workers is {workers}, expected 1 or more"
        raise ValueError(msg)
    if client is not None and workers != 1:
        msg = "both client and workers are given: a client has the workers of its cluster, leave one out"
        raise ValueError(msg)
    if client is not None:
        from ._cluster import check_client

        check_client(client)
    if on_error not in _ON_ERROR:
        msg = f"on_error is {on_error!r}, expected one of {', '.join(map(repr, _ON_ERROR))}"
        raise ValueError(msg)
    inspect.signature(enhance_map).bind(None, model=model, device=device, **options)
    check_options(options.get("limb", "mask"), options.get("tile_size"), device)
    for name in choices(model):
        resolve(name)
    if options.get("quiet_sun") is not None:
        _check_quiet_sun(options["quiet_sun"])


def _check_quiet_sun(given):
    if isinstance(given, (list, tuple)) or np.ndim(given):
        msg = "quiet_sun is an array, which is the level of one Map: give a number"
        raise ValueError(msg)
    as_level(getattr(given, "value", given))


def _everywhere(model):
    """Return a model's name, or its path as workers with other working directories find it."""
    if model is None or is_name(model) or not with_home(model).is_file():
        return model
    return with_home(model).absolute()


def _jobs(found, outdir, template, outputs):
    """Yield a job for each input, and gather the names of the outputs."""
    for number, source in enumerate(found):
        name = f"{source.stem}{ENDING}.fits"
        if source.smap is not None:  # two Maps may be of one moment
            again = 2
            while name in outputs:
                name, again = f"{source.stem}_{again}{ENDING}.fits", again + 1
        elif name in outputs and not source.problem:
            clash = f"{name} is the output of another input: give it a folder of its own"
            yield dataclasses.replace(template, number=number, source=dataclasses.replace(source, problem=clash))
            continue
        if not source.problem:
            outputs.add(name)
        yield dataclasses.replace(template, number=number, source=source, output=outdir.absolute() / name)


@contextlib.contextmanager
def _doing(jobs, client, workers):
    """Give an iterator of jobs and their outcomes, and end what it needs."""
    with contextlib.ExitStack() as stack:
        if client is None and workers == 1:
            yield ((job, attempt(job)) for job in jobs)
            return
        from ._cluster import local_client, through_client

        if client is None:
            client = stack.enter_context(local_client(workers))
        # Closed before the cluster is: what is still in hand is cancelled.
        yield stack.enter_context(contextlib.closing(through_client(client, jobs)))


def _shown(outcomes, total, progress):
    """Pass the outcomes on, with a bar and a line for each failure."""
    from tqdm import tqdm

    with tqdm(total=total, unit="file", disable=not progress) as bar:
        for job, outcome in outcomes:
            if progress and outcome.status == "failed":
                bar.write(f"{job.source.name}: not enhanced: {outcome.message}")
            bar.update()
            yield job, outcome


def _table(rows):
    import astropy.units as u
    from astropy.table import QTable

    texts = ("input", "output", "status", "device", "unit", "message")
    kinds = {name: str if name in texts else float for name in ("input", "output", *Outcome.__dataclass_fields__)}
    table = QTable({name: [row[name] for row in rows] for name in kinds}, dtype=list(kinds.values()))
    table["seconds"].unit = u.s
    return table
