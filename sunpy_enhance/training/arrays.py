"""Arrays from FITS, NumPy and HDF5 files, without reading more of them than is asked for."""

import contextlib
import warnings
from pathlib import Path

import numpy as np

from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

__all__ = ["open_array", "read_images"]

_FITS = (".fits", ".fit", ".fts", ".fits.gz")
_HDF5 = (".h5", ".hdf5")


@contextlib.contextmanager
def open_array(path, *, dataset=None, extension=0):
    """Open an array, whatever the file is.

    Parameters
    ----------
    path : path
        A file that ends in ``.fits``, ``.fit``, ``.fts``, ``.fits.gz``, ``.npy``, ``.h5`` or ``.hdf5``.
    dataset : str, optional
        Which data set of an HDF5 file; not needed where it has one only.
    extension : int or str
        Which extension of a FITS file.

    Yields
    ------
    array : array-like
        To be indexed; a memory map or an HDF5 data set where the file allows it.
    unit : str
        What the file says of its unit (``BUNIT``, or the attribute ``unit`` or ``units``), or nothing.

    Raises
    ------
    ValueError
        Where the file is truncated or of another kind, or has no such array of numbers.
    """
    path = Path(path)
    with contextlib.ExitStack() as stack:
        try:
            if path.name.lower().endswith(_FITS):
                array, unit = _open_fits(stack, path, extension)
            elif path.suffix.lower() == ".npy":
                array, unit = np.load(path, mmap_mode="r", allow_pickle=False), ""
            elif path.suffix.lower() in _HDF5:
                array, unit = _open_hdf5(stack, path, dataset)
            else:
                msg = f"its name does not end in .npy, {', '.join(_FITS + _HDF5)}"
                raise ValueError(msg)
        except FileNotFoundError:
            raise
        except (AstropyUserWarning, EOFError, KeyError, IndexError, OSError, TypeError, ValueError) as error:
            msg = f"training file {path} cannot be read, expected a whole array of numbers: {error}"
            raise ValueError(msg) from error
        if array.dtype.kind not in "fiu":
            msg = f"training file {path} has elements of type {array.dtype}, expected real numbers"
            raise ValueError(msg)
        yield array, unit


def _open_fits(stack, path, extension):
    with warnings.catch_warnings():
        # Astropy would go on with what there is.
        warnings.filterwarnings("error", message="File may have been truncated", category=AstropyUserWarning)
        # The stream is ours: astropy leaves its own one open where it cannot go on.
        hdu = stack.enter_context(fits.open(stack.enter_context(path.open("rb"))))[extension]
        if hdu.data is None:
            msg = f"its extension {extension} is empty"
            raise ValueError(msg)
        return hdu.data, hdu.header.get("BUNIT", "")


def _open_hdf5(stack, path, dataset):
    import h5py

    file = stack.enter_context(h5py.File(path))
    names = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    if dataset is None and len(names) == 1:
        dataset = names[0]
    if dataset is None or dataset.strip("/") not in names:
        msg = f"its data sets are {names}, and 'dataset' is {dataset!r}"
        raise ValueError(msg)
    unit = file[dataset].attrs.get("unit", file[dataset].attrs.get("units", ""))
    return file[dataset], unit.decode() if isinstance(unit, bytes) else str(unit)


def read_images(path, *, axes=None, dataset=None, extension=0):
    """Read the images of a file.

    Parameters
    ----------
    path : path
    axes : str, optional
        Order of the axes as NumPy sees them, of the letters t (snapshots; may be missing), y and x.
        By default "yx" or "tyx".
    dataset : str, optional
        See `open_array`.
    extension : int or str
        See `open_array`.

    Returns
    -------
    images : list of `numpy.ndarray`
        (y, x), one for each snapshot.
    unit : str
        See `open_array`.

    Raises
    ------
    ValueError
        Where the axes are not those of an image or of a series of them, or pixels are not finite.
    """
    with open_array(path, dataset=dataset, extension=extension) as (array, unit):
        axes = axes or ("yx" if array.ndim == 2 else "tyx")
        if array.ndim != len(axes) or sorted(axes.replace("t", "")) != ["x", "y"]:
            expected = "an image, or a series of images with the time first" if axes == "tyx" else f"the axes {axes!r}"
            msg = f"training file {path} has {array.ndim} dimensions, expected {expected}"
            raise ValueError(msg)
        series = range(array.shape[axes.index("t")]) if "t" in axes else [None]
        images = []
        for snapshot in series:
            index = tuple(snapshot if letter == "t" else slice(None) for letter in axes)
            image = np.asarray(array[index], dtype=float)
            images.append(image.T if axes.index("x") < axes.index("y") else image)
    for snapshot, image in enumerate(images):
        if gaps := np.count_nonzero(~np.isfinite(image)):
            where = f" in snapshot {snapshot}" if "t" in axes else ""
            msg = f"training file {path} has {gaps} pixels that are not finite{where}, expected none"
            raise ValueError(msg)
    return images, unit
