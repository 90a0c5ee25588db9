"""Patches in an HDF5 file: made once, trained on often, read batch by batch.

The layout: groups "train" and "held_out" with the datasets "inputs", "targets" (see
`~sunpy_enhance.training.patches.Patches`) and "sources"; what they were made from is in the attributes of the file.
"""

import contextlib
import json
from pathlib import Path

import numpy as np

from sunpy_enhance import __version__
from sunpy_enhance._files import check_folder
from sunpy_enhance.training.dataset import HELD_OUT_SEEDS, fill_patches
from sunpy_enhance.training.files import file_hashes, licences
from sunpy_enhance.training.patches import Patches

__all__ = ["hashes_of", "open_dataset", "write_dataset"]

FORMAT = 1

# What decides the patches; the network's margin, which does too, is compared apart from them.
_DECISIVE = ("observable", "seed", "plate_scale", "psf", "target", "patches", "files", "synthetic")


def _decisive(recipe):
    made = {key: recipe.table[key] for key in _DECISIVE if key in recipe.table}
    # As JSON reads it again: no tuples, and keys that are strings.
    return json.loads(json.dumps(made | {"sunpy_enhance": __version__}))


def write_dataset(recipe, directory, path, *, workers=1, progress=True):
    """Make the patches of a recipe and write them to an HDF5 file.

    They are those of `~sunpy_enhance.training.recipe.make_patches`. All images of the recipe's files are in memory, but
    of synthetic scenes only one for each process, and with several the patches of two more for each that wait to be
    written.

    Parameters
    ----------
    recipe : `~sunpy_enhance.training.recipe.Recipe`
    directory : path or None
        Where the recipe's files are.
    path : path
        The HDF5 file. It appears only when it is complete; one that exists is replaced.
    workers : int
        Processes that make the patches, see `~sunpy_enhance.training.dataset.fill_patches`.
    progress : bool
        Whether to show a bar.

    Raises
    ------
    FileNotFoundError
        Where there is no folder for the file.
    """
    import h5py

    path = Path(path)
    check_folder(path)
    temporary = path.with_name(f".{path.name}.part")
    try:
        with h5py.File(temporary, "w") as file:

            def allocate(part, name, shape):
                # One patch is one chunk, because batches are drawn from all over the file.
                return file.create_dataset(f"{part}/{name}", shape, np.float32, chunks=(1, *shape[1:]))

            parts = fill_patches(recipe, directory, allocate, workers=workers, progress=progress)
            for part, patches in zip(("train", "held_out"), parts, strict=True):
                file[part].create_dataset("sources", data=patches.sources, dtype=h5py.string_dtype())
            file.attrs.update(_attributes(recipe, directory))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _attributes(recipe, directory):
    files = recipe.table.get("files", [])
    return {
        "format": FORMAT,
        "made_from": json.dumps(_decisive(recipe)),
        "recipe": recipe.text,
        "seed": recipe["seed"],
        "held_out_seeds": HELD_OUT_SEEDS,
        "sha256": json.dumps(file_hashes(directory, files)),
        "licences": json.dumps(licences(directory, files)),
        "plate_scale": recipe["plate_scale"],
        "noise": recipe["noise"],  # not in the patches: it is drawn anew whenever they are used
        "unit": "G" if recipe["observable"] == "magnetogram" else "quiet Sun",
        "psf": json.dumps(recipe["psf"]),
        "target": json.dumps(recipe["target"]),
    }


class _Rows:
    """The first axis of an HDF5 dataset, read when it is indexed, in any order."""

    def __init__(self, dataset):
        self.dataset, self.shape = dataset, dataset.shape

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, indices):
        indices = np.asarray(indices)
        if indices.dtype == bool:  # one truth value for each
            indices = np.flatnonzero(indices)
        return np.stack([self.dataset[index] for index in indices])


@contextlib.contextmanager
def open_dataset(path, recipe, directory=None):
    """Open a file of `write_dataset` for training; a context manager.

    Parameters
    ----------
    path : path
        The HDF5 file.
    recipe : `~sunpy_enhance.training.recipe.Recipe`
        What is to be trained. It may be another recipe than the file's as long as it makes the same patches, such as
        one for a smaller network.
    directory : path, optional
        Where the recipe's files are: where all are there, they have to be those that the patches were made from.

    Yields
    ------
    train, held_out : `~sunpy_enhance.training.patches.Patches`
        The first is read from the file, batch by batch, when it is used; the second is in memory.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where it is no file of `write_dataset`, its patches are not the recipe's, or a file has changed since.
    """
    import h5py

    if not Path(path).exists():
        msg = f"dataset {path} does not exist: make it with sunpy-enhance dataset"
        raise FileNotFoundError(msg)
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        msg = f"dataset {path} is not an HDF5 file: make it with sunpy-enhance dataset"
        raise ValueError(msg) from error
    with file:
        _check(file, path, recipe)
        if directory is not None:
            _check_files(file, path, recipe, directory)
        train, held_out = file["train"], file["held_out"]
        sources = [part["sources"].asstr()[:].tolist() for part in (train, held_out)]
        yield (
            Patches(_Rows(train["inputs"]), _Rows(train["targets"]), sources[0]),
            Patches(held_out["inputs"][:], held_out["targets"][:], sources[1]),
        )


def _check_files(file, path, recipe, directory):
    made_from = json.loads(file.attrs["sha256"])
    try:
        found = file_hashes(directory, recipe.table.get("files", []))
    except FileNotFoundError:  # the patches are enough: their truth may be gone
        return
    if changed := sorted(name for name in made_from.keys() | found.keys() if made_from.get(name) != found.get(name)):
        msg = f"dataset {path} was made from other files than those in {directory}: {changed}; make it again"
        raise ValueError(msg)


def hashes_of(path):
    """Return the SHA-256 of each truth that the patches of a file were made from.

    Parameters
    ----------
    path : path
        A file of `write_dataset`.

    Returns
    -------
    dict
        As of `~sunpy_enhance.training.files.file_hashes`.
    """
    import h5py

    with h5py.File(path, "r") as file:
        return json.loads(file.attrs["sha256"])


def _check(file, path, recipe):
    if file.attrs.get("format") != FORMAT or "made_from" not in file.attrs:
        msg = f"dataset {path} has format {file.attrs.get('format')}, expected {FORMAT}: make it again"
        raise ValueError(msg)
    found, wanted = json.loads(file.attrs["made_from"]), _decisive(recipe)
    if differing := sorted(key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key)):
        msg = f"dataset {path} is not of recipe {recipe['name']}: it differs in {differing}; make it again"
        raise ValueError(msg)
    has = Patches(file["train/inputs"], file["train/targets"], []).halo
    if has < (needed := recipe.sampling()["halo"]):
        msg = f"dataset {path} has {has} pixels around its patches, but {recipe['name']} needs {needed}: make it again"
        raise ValueError(msg)
