"""The files that the entries of a recipe name: where they are, in what order, and whether they are the recipe's."""

import functools
import hashlib
import os
import re
from pathlib import Path, PurePath

from sunpy_enhance.training.cubes import cube_files, read_licence
from sunpy_enhance.training.muram import is_muram, muram_files, snapshot_of

__all__ = ["check_hashes", "file_hashes", "licences", "paths_of", "sha256"]


def paths_of(directory, entry):
    """Return the paths of the files that an entry of a recipe names, in the order of time.

    Parameters
    ----------
    directory : path
        Where the files are.
    entry : dict
        A table ``[[files]]`` of the recipe.

    Returns
    -------
    list of `pathlib.Path`

    Raises
    ------
    FileNotFoundError
        Where there are none.
    ValueError
        Where they are to be parted in time, and two of them are of the same.
    """
    directory, name = Path(directory), entry["file"]
    paths = sorted(directory.glob(name), key=_time) if "*" in name else [directory / name]
    if not paths or not paths[0].exists():
        msg = f"training file {directory / name} does not exist: give its folder with --data"
        raise FileNotFoundError(msg)
    if entry.get("axis") == "time":
        _check_times(paths, name)
    return paths


def _time(path):
    """Return what snapshots are sorted by: MURaM's by their number, others by all numbers in their names."""
    snapshot = snapshot_of(path) if is_muram(path) else 0
    # Text and numbers in turns: like is compared with like.
    folder, name = (
        tuple(int(part) if part.isdigit() else part for part in re.split("([0-9]+)", text))
        for text in (str(path.parent), path.name)
    )
    return folder, snapshot, name


def _check_times(paths, name):
    """Raise where two files are of the same time, so that parting them in time would not part them."""
    times = [_time(path)[:2] for path in paths if is_muram(path)]
    if len(times) != len(set(times)):
        msg = f"training file {name} is several files of one snapshot, expected one of each to part them in time"
        raise ValueError(msg)


def sha256(path):
    """Return the SHA-256 of a file.

    Parameters
    ----------
    path : path
        It is read only once, as long as its size and its time of change stay.

    Returns
    -------
    str
    """
    status = Path(path).stat()
    return _sha256(Path(path), status.st_size, status.st_mtime_ns)


@functools.cache  # cubes are large, and asked for when they are read and again for the card
def _sha256(path, size, changed):  # noqa: ARG001 (they tell one state of the file from another)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_hashes(directory, entries):
    """Return the SHA-256 of every file that some entries of a recipe are read from, whether they give it or not.

    Parameters
    ----------
    directory : path
        Where the files are.
    entries : list of dict
        The tables ``[[files]]`` of a recipe.

    Returns
    -------
    dict
        {path in the directory: hash}. Output of MURaM comes with its headers and optical depths, a description of
        cubes with all that it names.

    Raises
    ------
    FileNotFoundError
        Where a file is missing.
    """
    hashes = {}
    for entry in entries:
        for path in paths_of(directory, entry):
            files = cube_files(path) if path.suffix == ".toml" else muram_files(path) if is_muram(path) else [path]
            for file in files:
                if not file.exists():
                    msg = f"training file {file} does not exist: {path} needs it"
                    raise FileNotFoundError(msg)
                hashes[Path(os.path.relpath(file, directory)).as_posix()] = sha256(file)
    return hashes


def licences(directory, entries):
    """Return under which terms every file of some entries of a recipe is given.

    Parameters
    ----------
    directory : path
        Where the files are.
    entries : list of dict
        The tables ``[[files]]`` of a recipe.

    Returns
    -------
    dict
        {``file`` of the entry: licence}: the recipe's, else that of a description of cubes, else "".
    """
    found = {}
    for entry in entries:
        own = [read_licence(path) for path in paths_of(directory, entry) if path.suffix == ".toml"]
        found[entry["file"]] = entry.get("licence") or ", ".join(dict.fromkeys(filter(None, own)))
    return found


def check_hashes(directory, entry):
    """Raise where an entry of a recipe has hashes, and the files have others.

    Parameters
    ----------
    directory : path
        Where the files are.
    entry : dict
        A table ``[[files]]`` of the recipe.

    Raises
    ------
    FileNotFoundError
        Where a file is missing.
    ValueError
        Where one is another file than the recipe's.
    """
    if "sha256" not in entry:
        return
    expected, found = entry["sha256"], file_hashes(directory, [entry])
    if isinstance(expected, str):
        if len(found) > 1:
            msg = f"training file {entry['file']} is read from {list(found)}, expected 'sha256' to be a table of hashes"
            raise ValueError(msg)
        expected = dict.fromkeys(found, expected)
    # A table may be of all files of a recipe.
    if missing := sorted(name for name in expected.keys() - found.keys() if PurePath(name).match(entry["file"])):
        msg = f"training file {entry['file']}: the recipe has the hashes of {missing}, which are not in {directory}"
        raise FileNotFoundError(msg)
    for name, digest in found.items():
        if expected.get(name) != digest:
            msg = f"training file {Path(directory) / name} is not the recipe's: its SHA-256 is {digest}"
            raise ValueError(msg)
