"""Output of the MURaM code (Vögler et al. 2005, A&A 429, 335; Rempel 2014, ApJ 789, 132), as it is written.

All numbers are little-endian float32. The layouts are those of the public readers: ``MuramAtmos`` of helita
(ITA Solar, Oslo), ``PlasmaCalcs.hookups.muram`` (its documentation describes the header), ``MURaMSnapshot`` of NF2
(Jarolim et al.), and ``hgcr_tauslice.pro`` (M. Cheung, Heliophysics Grand Challenges Research):

``Header.NNNNNN``
    Text: n0 n1 n2 d0 d1 d2 time ..., the numbers of grid points and their spacings in cm, the direction that varies
    fastest in the files first. Any of the three may be the vertical.
``result_prim_K.NNNNNN``, ``tau.NNNNNN``
    n0 n1 n2 numbers without header. K = 5, 6, 7 are the field along the directions 0, 1, 2, in units of
    sqrt(4 pi) gauss; tau is the optical depth at 500 nm.
``tau_slice_T.TTT.NNNNNN`` (and other slices)
    Four numbers, how many planes, nx, ny, time; then the planes, x varying fastest: at the optical depth T.TTT the
    variables 0 to 7 of ``result_prim``, and perhaps more.
``I_out.NNNNNN``
    Four numbers as before, of which the first is left alone; then one plane, the intensity that comes out vertically.
"""

import re
from pathlib import Path

import numpy as np

import astropy.units as u

from sunpy_enhance.training.optical_depth import at_log_tau
from sunpy_enhance.training.truth import Truth, angular_size, calibrate

__all__ = ["is_muram", "muram_files", "options_of", "read_muram", "snapshot_of"]

_NAME = re.compile(r"(?P<kind>I_out|\w+_slice_(?P<tau>[\d.]+)|result_prim_(?P<variable>[567]))\.(?P<snapshot>\d+)")
_FLOAT = np.dtype("<f4")
# MURaM writes B / sqrt(4 pi), so that the magnetic pressure is B^2 / 2.
_GAUSS = np.sqrt(4 * np.pi)


def is_muram(path):
    """Whether a file's name is that of a MURaM output that `read_muram` knows.

    Parameters
    ----------
    path : path
        It need not exist.

    Returns
    -------
    bool
    """
    return bool(_NAME.fullmatch(Path(path).name))


def options_of(path):
    """Return which options of `read_muram` say something of the pixels of a file.

    Parameters
    ----------
    path : path
        One for which `is_muram` is true.

    Returns
    -------
    tuple of str
    """
    match = _NAME.fullmatch(Path(path).name)
    own = ("log_tau",) if match["variable"] else () if match["tau"] else ("level",)
    return ("grid", "distance", "vertical", *own)


def snapshot_of(path):
    """Return the number of the snapshot that a file is of.

    Parameters
    ----------
    path : path
        One for which `is_muram` is true.

    Returns
    -------
    int
    """
    return int(_NAME.fullmatch(Path(path).name)["snapshot"])


def _header_of(path):
    """Path of the header that belongs to a file: its own snapshot's, else any of the run's, or None."""
    name = f"Header.{_NAME.fullmatch(path.name)['snapshot']}"
    folders = (path.parent, path.parent.parent / "3D")
    paths = [folder / name for folder in folders] + [p for folder in folders for p in sorted(folder.glob("Header.*"))]
    return next((header for header in paths if header.exists()), None)


def muram_files(path):
    """Return the paths of all files that `read_muram` reads for one of them.

    Parameters
    ----------
    path : path
        See `read_muram`.

    Returns
    -------
    list of `pathlib.Path`
        The file, for a cube its optical depth, and the header if there is one.
    """
    path = Path(path)
    match, header = _NAME.fullmatch(path.name), _header_of(path)
    tau = [path.with_name(f"tau.{match['snapshot']}")] if match["variable"] else []
    return [path, *tau, *([header] if header else [])]


def _read_header(path):
    """Return the numbers of grid points and their spacings, fastest direction first."""
    try:
        numbers = np.array(path.read_text(encoding="ascii").split(), dtype=float)
    except ValueError:
        numbers = np.array([])
    if len(numbers) < 7 or not np.isfinite(numbers[:6]).all() or (numbers[:6] <= 0).any() or (numbers[:3] % 1).any():
        msg = f"{path} is no MURaM header, expected the text n0 n1 n2 d0 d1 d2 time, with the spacings in cm"
        raise ValueError(msg)
    return numbers[:3].astype(int), numbers[3:6] * u.cm


def _check_size(path, expected, meaning):
    if (size := path.stat().st_size) != expected:
        msg = f"{path} has {size} bytes, expected {expected} for {meaning}: it is truncated or of another layout"
        raise ValueError(msg)


def _map_slice(path, planes=None):
    """Map a slice file to (planes, y, x); the number of planes is read from it unless it is given."""
    header = np.fromfile(path, _FLOAT, 4)
    counts = header[1:3] if planes else header[:3]
    if len(header) < 4 or not np.isfinite(counts).all() or (counts < 1).any() or (counts % 1).any():
        msg = f"{path} begins with {header.tolist()}, expected the number of planes, nx, ny and the time as float32"
        raise ValueError(msg)
    shape = planes or int(header[0]), int(header[2]), int(header[1])
    _check_size(path, _FLOAT.itemsize * (4 + np.prod(shape)), f"a header and planes of shape {shape}")
    return np.memmap(path, _FLOAT, "r", offset=4 * _FLOAT.itemsize, shape=shape)


def _grid(path, horizontal, shape):
    """Return the horizontal spacing of the header, which has to be of the same box."""
    header = _header_of(path)
    if header is None:
        msg = f"{path} has no Header file beside it or in ../3D: give its 'grid', the horizontal spacing in km"
        raise ValueError(msg)
    numbers, spacings = _read_header(header)
    if tuple(numbers[horizontal][::-1]) != shape:
        msg = (
            f"{path} has {shape} pixels (y, x), but {header} has the directions {numbers.tolist()}: "
            "give its 'grid' in km, or the 'vertical' direction of the header (0, 1 or 2)"
        )
        raise ValueError(msg)
    first, second = spacings[horizontal]
    if abs(first / second - 1) > 1e-3 or first < 0.1 * u.km:
        msg = f"{header}: the horizontal spacings are {first} and {second}, expected square pixels of kilometres"
        raise ValueError(msg)
    return first


def read_muram(
    path, *, grid=None, distance=1 * u.au, vertical=None, log_tau=0.0, level="mean", source="MURaM", licence=""
):
    """Read a file of a MURaM run: continuum from ``I_out``, vertical field from ``*_slice_*`` or ``result_prim_K``.

    Parameters
    ----------
    path : path
        ``I_out.NNNNNN``, ``tau_slice_T.TTT.NNNNNN``, or ``result_prim_K.NNNNNN`` of the vertical field (K = 5, 6 or
        7) with ``tau.NNNNNN`` and ``Header.NNNNNN`` beside it.
    grid : `~astropy.units.Quantity`, optional
        Horizontal spacing. By default that of the header, beside the file or in ``../3D``.
    distance : `~astropy.units.Quantity`
        Of the observer.
    vertical : {0, 1, 2}, optional
        Which direction of the header is the vertical. By default 0; for a cube that of its component, K - 5, and no
        other.
    log_tau : float
        Decadic logarithm of the optical depth at which the field is taken from a cube.
    level : float or "mean"
        Intensity of the quiet Sun in the numbers of ``I_out``; by default the mean of the image.
    source, licence : str
        See `~sunpy_enhance.training.truth.Truth`.

    Returns
    -------
    `~sunpy_enhance.training.truth.Truth`
        Periodic, as the code's boxes are.

    Raises
    ------
    FileNotFoundError
        Where a file is missing.
    ValueError
        Where a file is truncated or of another size than its header says, has values that are not finite, or a
        column does not reach the optical depth.

    Notes
    -----
    ``I_out`` is the intensity over the whole spectrum, or over a band, of the run: granulation has another contrast
    in it than at 617 nm, which a recipe can allow for by its ``gain``.
    """
    path = Path(path)
    match = _NAME.fullmatch(path.name)
    if not match:
        msg = f"{path} is no file that is known of MURaM: I_out.NNNNNN, *_slice_*.NNNNNN, result_prim_5.NNNNNN (6, 7)"
        raise ValueError(msg)
    default = int(match["variable"]) - 5 if match["variable"] else 0
    vertical = default if vertical is None else vertical
    if match["variable"] and vertical != default:
        msg = f"{path} is the field along direction {default}, and the vertical is {vertical}: give its component"
        raise ValueError(msg)
    if vertical not in (0, 1, 2):
        msg = f"{path}: the vertical direction is {vertical!r}, expected 0, 1 or 2, its place in the header"
        raise ValueError(msg)
    horizontal = [direction for direction in range(3) if direction != vertical]
    if match["variable"]:
        image = _GAUSS * _read_layer(path, vertical, log_tau)
    elif match["tau"]:
        planes = _map_slice(path)
        if len(planes) < 6 + vertical:
            msg = f"{path} has {len(planes)} planes, expected at least {6 + vertical}: rho, v, e and then the field"
            raise ValueError(msg)
        image = _GAUSS * np.asarray(planes[5 + vertical], dtype=float)
    else:
        image = np.asarray(_map_slice(path, planes=1)[0], dtype=float)
    if gaps := np.count_nonzero(~np.isfinite(image)):
        msg = f"{path} has {gaps} pixels that are not finite, expected none"
        raise ValueError(msg)
    observable, unit = ("continuum", "") if match["kind"] == "I_out" else ("magnetogram", "G")
    image = calibrate(image, observable, path, unit=unit, level=level)
    grid = _grid(path, horizontal, image.shape) if grid is None else grid
    plate_scale = float(angular_size(grid, distance).value)
    return Truth(image, plate_scale, source, periodic=True, unit=unit, licence=licence)


def _read_layer(path, vertical, log_tau):
    """Interpolate a cube, in its own units, to the layer of an optical depth."""
    snapshot = path.name.rpartition(".")[2]
    header, tau = (path.with_name(f"{name}.{snapshot}") for name in ("Header", "tau"))
    for needed in (path, header, tau):
        if not needed.exists():
            msg = f"training file {needed} does not exist: a layer of {path.name} needs it"
            raise FileNotFoundError(msg)
    shape = tuple(int(n) for n in _read_header(header)[0][::-1])
    for cube in (path, tau):
        _check_size(cube, _FLOAT.itemsize * np.prod(shape), f"a cube of shape {shape}, as {header.name} says")
    axes = ["y", "x"]
    axes.insert(2 - vertical, "z")  # the header's directions are those of NumPy, backwards
    cubes = (np.memmap(cube, _FLOAT, "r", shape=shape) for cube in (path, tau))
    try:
        return at_log_tau(*cubes, log_tau, axes="".join(axes))
    except ValueError as error:
        msg = f"{path} with {tau.name}: {error}"
        raise ValueError(msg) from error
