"""Cubes of any simulation: the TOML file that describes what lies where."""

import tomllib
from pathlib import Path

import numpy as np

import astropy.units as u

from sunpy_enhance.training._keys import check_values
from sunpy_enhance.training.arrays import open_array, read_images
from sunpy_enhance.training.optical_depth import at_log_tau
from sunpy_enhance.training.truth import Truth, angular_size, calibrate

__all__ = ["cube_files", "plate_scale_of", "read_cube", "read_licence", "to_quantity"]

# The keys of a description, see `read_cube`, and of what kind their values are.
_KEYS = {
    "code": "text",
    "licence": "text",
    "grid": "text or number",
    "plate_scale": "text or number",
    "distance": "text or number",
    "periodic": "flag",
    "continuum": "table",
    "magnetogram": "table",
}
_OF_FILE = {"file": "text", "dataset": "text", "extension": "text or natural"}
_OF_TAU = _OF_FILE | {"logarithmic": "flag"}
_OF_SECTION = _OF_FILE | {"axes": "text", "level": "level", "unit": "text", "log_tau": "number", "tau": "table"}


def to_quantity(value, unit, path, key):
    """Read a quantity of a TOML file: "48 km", or a number in the unit given.

    Parameters
    ----------
    value : str or float
    unit : `~astropy.units.Unit`
        Of a number, and of what is returned.
    path, key : path, str
        Where it stands, for the messages.

    Returns
    -------
    `~astropy.units.Quantity`

    Raises
    ------
    ValueError
        Where it is not a positive quantity of that kind.
    """
    try:
        quantity = u.Quantity(value, None if isinstance(value, str) else unit).to(unit)
    except (TypeError, ValueError) as error:  # a conversion that is not possible is a ValueError too
        msg = f"{path}: {key!r} is {value!r}, expected a quantity that is convertible to {unit}"
        raise ValueError(msg) from error
    if not quantity > 0:
        msg = f"{path}: {key!r} is {value!r}, expected more than zero"
        raise ValueError(msg)
    return quantity


def plate_scale_of(said, path):
    """Return the plate scale that a table of a TOML file tells.

    Parameters
    ----------
    said : dict
        With ``plate_scale``, or with ``grid`` and perhaps ``distance``, see `read_cube`.
    path : path or str
        Where it stands, for the messages.

    Returns
    -------
    `~astropy.units.Quantity`
        In arcsec per pixel.

    Raises
    ------
    ValueError
        Where it tells both or neither, a distance that is not asked for, or one is not a positive quantity of its kind.
    """
    if ("plate_scale" in said) == ("grid" in said):
        found = "both" if "grid" in said else "neither"
        msg = f"{path} has {found} of 'plate_scale' and 'grid', expected one: tell the spacing of its pixels once"
        raise ValueError(msg)
    if "plate_scale" in said:
        if "distance" in said:
            msg = f"{path} has 'plate_scale' and 'distance', expected 'grid' with a distance: remove one of the two"
            raise ValueError(msg)
        return to_quantity(said["plate_scale"], u.arcsec, path, "plate_scale")
    grid = to_quantity(said["grid"], u.km, path, "grid")
    return angular_size(grid, to_quantity(said.get("distance", 1), u.au, path, "distance"))


def _read_sidecar(path):
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        msg = f"{path} is no TOML file: {error}"
        raise ValueError(msg) from error
    _check(path, table)
    return table


def _check(path, table, kinds=_KEYS, name=""):
    """Raise where a table of a description, or one in it, has keys that are not known, or values of another kind."""
    if unknown := sorted(f"{name}.{key}".removeprefix(".") for key in table.keys() - kinds.keys()):
        msg = f"{path} has the unknown keys {unknown}: correct or remove them"
        raise ValueError(msg)
    check_values(table, kinds, name, path)
    for key, of_table in (("continuum", _OF_SECTION), ("magnetogram", _OF_SECTION), ("tau", _OF_TAU)):
        if key in table:
            _check(path, table[key], of_table, f"{name}.{key}".removeprefix("."))


def cube_files(path):
    """Return the paths of a description of cubes and of all files that it names.

    Parameters
    ----------
    path : path
        See `read_cube`.

    Returns
    -------
    list of `pathlib.Path`

    Raises
    ------
    ValueError
        Where it is no TOML file, or no description of cubes.
    """
    path, table = Path(path), _read_sidecar(path)
    sections = [table[name] for name in ("continuum", "magnetogram") if name in table]
    sections += [section["tau"] for section in sections if "tau" in section]
    return [path, *dict.fromkeys(path.parent / section["file"] for section in sections if "file" in section)]


def read_licence(path):
    """Return the licence that a description of cubes gives, or "".

    Parameters
    ----------
    path : path
        See `read_cube`.

    Returns
    -------
    str
    """
    return _read_sidecar(path).get("licence", "")


def read_cube(path, observable=None):
    """Read what a TOML file describes: images or cubes of Stein & Nordlund, Bifrost, CO5BOLD, or any other code.

    ::

        code = "Bifrost"
        licence = "CC BY 4.0"       # may be missing
        grid = "48 km"              # horizontally; or plate_scale = 0.066 (arcsec)
        distance = "1 AU"           # the default
        periodic = true             # the default

        [continuum]                 # one of the two tables may be missing
        file = "intensity.npy"      # beside the TOML file; .npy, .h5, .hdf5 or .fits
        axes = "tyx"                # as NumPy sees them: t snapshots, z vertical; the default is "yx" or "tyx"
        level = "mean"              # the default; or the intensity of the quiet Sun, in the file's numbers

        [magnetogram]
        file = "field.h5"
        dataset = "Bz"              # of an HDF5 file; `extension` of a FITS file
        axes = "xyz"
        unit = "kG"                 # needed if the file does not say it; "1121 G" for code units of that size
        log_tau = -1.0              # with an axis z: of the layer to take, the default is 0
        tau = { file = "tau.h5", dataset = "tau", logarithmic = false }

    Parameters
    ----------
    path : path
        The TOML file.
    observable : {"continuum", "magnetogram"}, optional
        Which table; not needed where there is one only.

    Returns
    -------
    list of `~sunpy_enhance.training.truth.Truth`
        One for each snapshot.

    Raises
    ------
    FileNotFoundError
        Where a file is missing.
    ValueError
        Where the description lacks something, or a file is not as described.
    """
    path, table = Path(path), _read_sidecar(path)
    known = [name for name in ("continuum", "magnetogram") if name in table]
    observable = known[0] if observable is None and len(known) == 1 else observable
    if observable not in known:
        msg = f"{path} describes {known}, expected a table for the observable {observable!r}"
        raise ValueError(msg)
    section = table[observable]
    if "file" not in section or ("z" in section.get("axes", "") and "file" not in section.get("tau", {})):
        msg = f"{path}: [{observable}] has to name its 'file', and with an axis z also tau = {{ file = ... }}"
        raise ValueError(msg)
    plate_scale = plate_scale_of(table, path)
    images, unit = _read_section(path.parent, section)
    unit = section.get("unit", unit)
    if observable == "magnetogram" and not unit:
        msg = f'{path}: [magnetogram] has no \'unit\', expected that of the field\'s numbers, like "G" or "kG"'
        raise ValueError(msg)
    level = section.get("level", "mean")
    return [
        Truth(
            calibrate(image, observable, path.parent / section["file"], unit=unit, level=level),
            float(plate_scale.value),
            table.get("code", path.stem),
            periodic=table.get("periodic", True),
            unit="G" if observable == "magnetogram" else "",
            licence=table.get("licence", ""),
        )
        for image in images
    ]


def _read_section(folder, section):
    """Return the images (y, x) of a table, and the unit that the file itself gives."""

    def options(table):
        return {key: table[key] for key in ("dataset", "extension") if key in table}

    path, axes = folder / section["file"], section.get("axes")
    if "z" not in (axes or ""):
        return read_images(path, axes=axes, **options(section))
    tau = section["tau"]
    with (
        open_array(path, **options(section)) as (values, unit),
        open_array(folder / tau["file"], **options(tau)) as (depth, _),
    ):
        series = range(values.shape[axes.index("t")]) if "t" in axes and values.ndim == len(axes) else [0]
        log_tau, logarithmic = section.get("log_tau", 0.0), tau.get("logarithmic", False)
        try:
            images = [
                at_log_tau(values, depth, log_tau, axes=axes, snapshot=t, logarithmic=logarithmic) for t in series
            ]
        except ValueError as error:
            msg = f"training file {path} with {tau['file']}: {error}"
            raise ValueError(msg) from error
    if gaps := sum(np.count_nonzero(~np.isfinite(image)) for image in images):
        msg = f"training file {path} has {gaps} pixels that are not finite at the optical depth, expected none"
        raise ValueError(msg)
    return images, unit
