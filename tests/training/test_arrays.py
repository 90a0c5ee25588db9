"""Arrays from files of three kinds."""

import h5py
import numpy as np
import pytest

from astropy.io import fits

from sunpy_enhance.training.arrays import open_array, read_images

SERIES = np.arange(3 * 5 * 4, dtype=np.float32).reshape(3, 5, 4)


def write(path, array, unit=""):
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".fits":
        fits.writeto(path, array, fits.Header({"BUNIT": unit} if unit else {}))
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("group/image", data=array).attrs["unit"] = unit
    return path


@pytest.mark.parametrize("suffix", [".npy", ".fits", ".h5", ".hdf5"])
@pytest.mark.parametrize("array", [SERIES, SERIES[0], SERIES.astype(np.int16), SERIES.astype(">f8")])
def test_images_and_series(tmp_path, suffix, array):
    images, unit = read_images(write(tmp_path / f"file{suffix}", array))
    np.testing.assert_array_equal(images, array if array.ndim == 3 else array[None])
    assert images[0].dtype == float
    assert unit == ""


@pytest.mark.parametrize("suffix", [".npy", ".fits", ".h5"])
@pytest.mark.parametrize("axes", ["tyx", "txy", "ytx", "yxt", "xty", "xyt"])
def test_axes_in_any_order(tmp_path, suffix, axes):
    array = SERIES.transpose(["tyx".index(letter) for letter in axes])
    images, _ = read_images(write(tmp_path / f"file{suffix}", array), axes=axes)
    np.testing.assert_array_equal(images, SERIES)


def test_units_of_files(tmp_path):
    assert read_images(write(tmp_path / "file.fits", SERIES, "kG"))[1] == "kG"
    assert read_images(write(tmp_path / "file.h5", SERIES, "T"))[1] == "T"


def test_which_array_of_a_file(tmp_path):
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(SERIES)]).writeto(tmp_path / "file.fits")
    assert len(read_images(tmp_path / "file.fits", extension=1)[0]) == 3
    with pytest.raises(ValueError, match="extension 0 is empty"):
        read_images(tmp_path / "file.fits")
    with pytest.raises(ValueError, match=r"file\.fits cannot be read"):
        read_images(tmp_path / "file.fits", extension=2)
    with h5py.File(tmp_path / "file.h5", "w") as file:
        file["one"], file["two"] = SERIES, SERIES + 1
    assert read_images(tmp_path / "file.h5", dataset="two")[0][0][0, 0] == 1
    for dataset in (None, "three"):
        with pytest.raises(ValueError, match=r"its data sets are \['one', 'two'\]"):
            read_images(tmp_path / "file.h5", dataset=dataset)


@pytest.mark.parametrize("suffix", [".npy", ".fits", ".h5"])
@pytest.mark.parametrize("kept", [0, 100, 0.7])
def test_truncated_files_are_named(tmp_path, suffix, kept):
    path = write(tmp_path / f"file{suffix}", np.ones((100, 100)))
    content = path.read_bytes()
    path.write_bytes(content[: round(kept * len(content)) if kept < 1 else kept])
    with pytest.raises(ValueError, match=rf"file\{suffix} cannot be read, expected a whole array"):
        read_images(path)


def test_what_is_no_image_is_named(tmp_path):
    with pytest.raises(ValueError, match="4 dimensions, expected an image, or a series of images"):
        read_images(write(tmp_path / "four.npy", np.zeros((2, 2, 2, 2))))
    with pytest.raises(ValueError, match="3 dimensions, expected the axes 'xy'"):
        read_images(write(tmp_path / "three.npy", SERIES), axes="xy")
    with pytest.raises(ValueError, match="elements of type complex128, expected real numbers"):
        read_images(write(tmp_path / "complex.npy", np.zeros((2, 2), complex)))
    with pytest.raises(ValueError, match=r"does not end in \.npy"):
        read_images(tmp_path / "image.png")
    with pytest.raises(FileNotFoundError):
        read_images(tmp_path / "none.npy")
    gaps = SERIES.copy()
    gaps[1, 2, :2] = np.nan, np.inf
    with pytest.raises(ValueError, match=r"gaps\.npy has 2 pixels that are not finite in snapshot 1"):
        read_images(write(tmp_path / "gaps.npy", gaps))


def test_arrays_are_not_read_before_they_are_asked_for(tmp_path):
    with open_array(write(tmp_path / "file.npy", SERIES)) as (array, _):
        assert isinstance(array, np.memmap)
    with open_array(write(tmp_path / "file.h5", SERIES)) as (array, _):
        assert isinstance(array, h5py.Dataset)
