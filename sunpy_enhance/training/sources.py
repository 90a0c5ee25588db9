"""Sources of truth: images of the Sun sharper than the 28 cm telescope that the networks imitate.

A source is a list of `~sunpy_enhance.training.truth.Truth`, one image each, in the unit that a network works in, with
its plate scale. Recipes name files in their tables ``[[files]]``, whose keys `read_truth` explains.
"""

import dataclasses
import functools

import astropy.units as u

from sunpy_enhance.training.arrays import read_images
from sunpy_enhance.training.cubes import plate_scale_of, read_cube, to_quantity
from sunpy_enhance.training.files import check_hashes, paths_of
from sunpy_enhance.training.holdout import hold_out
from sunpy_enhance.training.muram import is_muram, options_of, read_muram
from sunpy_enhance.training.preparations import PREPARATIONS
from sunpy_enhance.training.synthetic import PLATE_SCALE, synthetic_sun
from sunpy_enhance.training.truth import Truth, calibrate

__all__ = ["Truth", "read_truth", "synthetic_truth"]

_UNITS = {"continuum": "", "magnetogram": "G"}


def read_truth(directory, entry, *, observable=None):
    """Read the files of one entry of a recipe; return the part for training and the part held out.

    Parameters
    ----------
    directory : path
        Where the files are.
    entry : dict
        A table ``[[files]]`` of the recipe, see the notes.
    observable : {"continuum", "magnetogram"}, optional
        What the recipe is for: the unit of the truth is then checked, and of a source of both one is chosen.

    Returns
    -------
    train, held_out : list of `~sunpy_enhance.training.truth.Truth`
        Cut apart before they are degraded, with a gap between them, so that neither has seen the other; but what
        ``prepare`` does, it does to the whole image. Where that convolves, as "sst_quiet" and "sst_spot" do, a little
        of it reaches across the gap and 1.5 arcsec farther.

    Raises
    ------
    FileNotFoundError
        Where the file is not in `directory`.
    ValueError
        Where it is another file than the recipe's, or no truth: truncated, with gaps, or in another unit.

    Notes
    -----
    What is read:

    ``file``
        Path in `directory`, or a pattern like ``run/I_out.*`` for several snapshots. By its name it is an image, or a
        series of images with the time first (``.fits``, ``.npy``, ``.h5``, ``.hdf5``); output of MURaM (see
        `~sunpy_enhance.training.muram.read_muram`); or the description of cubes of any code (``.toml``, see
        `~sunpy_enhance.training.cubes.read_cube`).
    ``sha256``
        Of the file; a table {name = hash} of several. May be missing, but not in what others are to repeat.
    ``source``
        What the tables call it; by default the code, or the name of the file.
    ``licence``
        Under which terms it is given.
    ``extension``, ``dataset``
        Which one of a FITS (0) or HDF5 file.

    What the pixels are; a description of cubes says all this itself:

    ``plate_scale``, or ``grid`` and ``distance``
        Arcsec per pixel; or the horizontal spacing in km and the observer's distance in au (1), or strings with other
        units, "0.3 AU". MURaM has the grid in its header.
    ``unit``
        Of a field in images (by default what the file says, else gauss).
    ``level``
        Intensity of the quiet Sun in the file's numbers, or "mean". By default images are left as they are, and MURaM
        is divided by the mean.
    ``periodic``
        Whether the images continue at the opposite border: false for images, true for simulations.
    ``vertical``, ``log_tau``
        For MURaM: which direction of the header is the vertical, and the layer of a cube (``result_prim``).
    ``prepare``
        Name of a function of `sunpy_enhance.training.preparations`, by default "as_is".

    What is made of them, see `~sunpy_enhance.training.patches.sample_patches`:

    ``scenes``, ``patches``, ``test_patches``
        How often each snapshot is degraded, how many patches each time, and how many of each snapshot that is held
        out. ``patches.number`` and ``patches.test_number`` of the recipe scale them to a total.
    ``zoom``, ``gain``
        Ranges of random factors on the size of structures and on their contrast, in the training.

    What is held out:

    ``held_out``
        Fraction of the axis, at its end if positive, at its beginning if negative; by default nothing, 1.0 for all but
        the gap that parts it from what is trained on.
    ``axis``
        0 (y, the default) or 1 (x) of every image, or "time": whole snapshots, in the order of the numbers in their
        names.
    ``time_gap``
        How many snapshots to leave out between the parts (0). Granules live for some ten minutes.
    """
    if directory is None:
        msg = f"the recipe names the file {entry['file']}, and no folder is given: give it with --data"
        raise FileNotFoundError(msg)
    check_hashes(directory, entry)
    if (prepare := PREPARATIONS.get(entry.get("prepare", "as_is"))) is None:
        msg = f"training file {entry['file']} has prepare = {entry['prepare']!r}, expected one of {list(PREPARATIONS)}"
        raise ValueError(msg)
    truths = []
    for path in paths_of(directory, entry):
        for truth in _read(path, entry, observable):
            truths.append(dataclasses.replace(truth, image=prepare(truth.image, truth.plate_scale)))
            if observable:
                _check_unit(truths[-1], observable, path)
    return hold_out(
        truths,
        entry.get("held_out", 0),
        entry.get("axis", 0),
        time_gap=entry.get("time_gap", 0),
        name=f"training file {entry['file']}",
    )


# What a recipe may say of the pixels of images, and of those of any file.
_OF_IMAGES = ("extension", "dataset", "plate_scale", "grid", "distance", "unit", "level", "periodic")
_OF_PIXELS = {*_OF_IMAGES, "vertical", "log_tau"}


def _check_keys(path, entry):
    """Raise where an entry says of the pixels what a file of this kind says itself, or nobody asks."""
    takes = () if path.suffix == ".toml" else options_of(path) if is_muram(path) else _OF_IMAGES
    if idle := sorted(key for key in entry if key in _OF_PIXELS - set(takes)):
        msg = f"training file {path} is given {idle} in the recipe, but its kind takes {sorted(takes)}: remove them"
        raise ValueError(msg)


def _read(path, entry, observable):
    """Read one file as a list of truths, one for each snapshot, in the unit of the networks."""
    _check_keys(path, entry)
    given = {key: entry[key] for key in ("source", "licence") if key in entry}
    if path.suffix == ".toml":
        return [dataclasses.replace(truth, **given) for truth in read_cube(path, observable)]
    if is_muram(path):
        distance = to_quantity(entry.get("distance", 1), u.au, path, "distance")
        grid = to_quantity(entry["grid"], u.km, path, "grid") if "grid" in entry else None
        options = {key: entry[key] for key in ("vertical", "log_tau", "level") if key in entry}
        return [read_muram(path, grid=grid, distance=distance, **options, **given)]
    plate_scale = plate_scale_of(entry, f"the recipe's entry of {path}").value
    images, unit = read_images(path, dataset=entry.get("dataset"), extension=entry.get("extension", 0))
    unit, level = entry.get("unit", unit), entry.get("level")
    truth = functools.partial(
        Truth,
        plate_scale=float(plate_scale),
        periodic=entry.get("periodic", False),
        unit=_UNITS.get(observable),
        **{"source": path.name} | given,
    )
    return [truth(calibrate(image, observable, path, unit=unit, level=level)) for image in images]


def _check_unit(truth, observable, file):
    """Raise where a truth cannot be in the unit of an observable."""
    if truth.unit != _UNITS[observable]:
        msg = f"training file {file} is not of the observable {observable}, which the recipe is for: give another file"
        raise ValueError(msg)
    if observable == "continuum" and not 0.01 < (mean := truth.image.mean()) < 10:
        msg = f"training file {file} has a mean of {mean:.4g}, expected the quiet Sun to be 1: give its 'level'"
        raise ValueError(msg)
    if observable == "magnetogram" and not 1 < (largest := abs(truth.image).max()) < 1e5:
        msg = f"training file {file} has a largest field of {largest:.4g}, expected gauss: give its 'unit'"
        raise ValueError(msg)


def synthetic_truth(observable, kind, *, seed, shape=(1024, 1024), mu=1.0, plate_scale=PLATE_SCALE):
    """Return a scene of `sunpy_enhance.training.synthetic` as `~sunpy_enhance.training.truth.Truth`.

    Parameters
    ----------
    observable : {"continuum", "magnetogram"}
    kind : str
        One of `sunpy_enhance.training.synthetic.KINDS`.
    seed : int
    shape : (int, int)
    mu : float
        Cosine of the heliocentric angle.
    plate_scale : float
        Arcsec per pixel.

    Returns
    -------
    `~sunpy_enhance.training.truth.Truth`
        Periodic, of the source "synthetic KIND".
    """
    scene = synthetic_sun(kind, shape, seed=seed, plate_scale=plate_scale, mu=mu)
    image = scene.continuum if observable == "continuum" else scene.field
    return Truth(image, scene.plate_scale, f"synthetic {kind}", periodic=True, unit=_UNITS[observable])
