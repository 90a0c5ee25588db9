"""What can be enhanced in a batch: paths, globs, folders, answers of Fido, downloads, Maps."""

import dataclasses
import glob
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from ._files import with_home
from ._hmi import date_of

__all__ = ["ENDING", "Source", "sources"]

# Between the name of an input and that of its output.
ENDING = "_enhanced"

_SUFFIX = re.compile(r"\.(fits|fts|fit)(\.(gz|bz2|xz|fz|z))?$", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Source:
    """One input of a batch.

    Attributes
    ----------
    name : str
        As the table shows it.
    stem : str
        Of its output's name.
    path : pathlib.Path or None
        Absolute: workers may have another working directory.
    smap : sunpy.map.GenericMap or None
    problem : str
        Why there is nothing to read.
    """

    name: str
    stem: str = ""
    path: Path | None = None
    smap: object = dataclasses.field(default=None, repr=False)
    problem: str = ""


def sources(files, *, progress=False):
    """Return the inputs: a list, or an iterator that takes one after the other where `files` is an iterator.

    Parameters
    ----------
    files : object
        See `sunpy_enhance.enhance_files`.
    progress : bool
        Show bars of downloads.

    Returns
    -------
    list or iterator of Source

    Raises
    ------
    TypeError
        Where it, or one of its elements, is nothing that can be enhanced.
    """
    answer = _answer_of_fido(files, progress)
    if answer is not None:
        files = answer
    if isinstance(files, (str, os.PathLike)) or _is_map(files):
        files = [files]
    if not isinstance(files, Iterable) and not hasattr(files, "__getitem__"):
        msg = f"files is a {type(files).__name__}, expected paths, globs, Maps, or an answer of Fido"
        raise TypeError(msg)
    # parfive's Results keep what failed beside what arrived.
    failed = [Source(str(error.url), problem=f"not downloaded: {error.exception}") for error in _errors(files)]
    found = _once(source for one in files for source in _expand(one))
    return [*found, *failed] if hasattr(files, "__len__") else found


def _once(found):
    """Leave out a file that was named before: by its path, or by a pattern or a folder."""
    seen = set()
    for source in found:
        # A link of another name has an output of its own.
        file = source.path and (os.path.realpath(source.path), source.stem)
        if file not in seen:
            yield source
        if file:
            seen.add(file)


def _answer_of_fido(files, progress):
    """Fetch what Fido has found, or return None where it is no answer of Fido."""
    # Whoever has such an object has imported sunpy.net, which is slow to import.
    if "sunpy.net.fido_factory" not in sys.modules:
        return None
    from sunpy.net import Fido
    from sunpy.net.base_client import QueryResponseRow, QueryResponseTable
    from sunpy.net.fido_factory import UnifiedResponse

    if not isinstance(files, (UnifiedResponse, QueryResponseTable, QueryResponseRow)):
        return None
    return Fido.fetch(files, progress=progress)


def _errors(files):
    return getattr(files, "errors", []) if type(files).__module__.startswith("parfive") else []


def _expand(one):
    """Yield the inputs that one element stands for."""
    if isinstance(one, Source):
        yield one
    elif isinstance(one, (str, os.PathLike)):
        yield from _paths(one)
    elif _is_map(one):
        yield Source(_stem_of(one), _stem_of(one), smap=one)
    else:
        msg = f"cannot enhance a {type(one).__name__}: expected a path, a glob or a sunpy Map"
        raise TypeError(msg)


def _paths(text):
    if not os.fspath(text):  # for pathlib, the current folder
        yield Source("", problem="the file's name is empty: give a path, a pattern or a folder")
        return
    path = with_home(text)
    if path.is_dir():
        found = sorted(one for one in path.iterdir() if _SUFFIX.search(one.name) and one.is_file())
        nothing = f"the folder {text} has no FITS files"
    elif not path.exists() and glob.has_magic(str(path)):
        found = sorted(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207 (of absolute patterns, too)
        nothing = f"no file matches {text}"
    else:
        yield Source(str(text), _stem(path), path.absolute())
        return
    # What earlier runs have written among its inputs is no input.
    found = [one for one in found if not _stem(one).endswith(ENDING) and not one.name.startswith(".")]
    for one in found:
        yield Source(str(one), _stem(one), one.absolute())
    if not found:
        yield Source(str(text), problem=f"{nothing}: check the path")


def _stem(path):
    return _SUFFIX.sub("", path.name)


def _is_map(one):
    from sunpy.map import GenericMap

    return isinstance(one, GenericMap)


def _stem_of(smap):
    """Name a Map by what it shows and when."""
    what = re.sub(r"\W+", "_", str(smap.measurement or "map"))
    return f"hmi_{what}_{date_of(smap).strftime('%Y%m%d_%H%M%S')}"
