"""Output of MURaM, written from the public description of its layouts."""

import shutil

import numpy as np
import pytest
from layouts import INTENSITY, KM, NX, NY, OFFSET, SLOPE, write_cubes, write_header, write_slice

import astropy.units as u

from sunpy_enhance.training.muram import is_muram, muram_files, read_muram
from sunpy_enhance.training.truth import angular_size


def test_intensity(tmp_path):
    path = write_slice(tmp_path / "I_out.024000", [INTENSITY])
    write_header(tmp_path / "Header.024000")
    truth = read_muram(path, licence="CC BY 4.0")
    np.testing.assert_allclose(truth.image, INTENSITY / INTENSITY.mean(), rtol=1e-6)
    np.testing.assert_allclose(read_muram(path, level=3e10).image, INTENSITY / 3e10, rtol=1e-6)
    assert (truth.source, truth.licence, truth.unit, truth.periodic) == ("MURaM", "CC BY 4.0", "", True)
    assert truth.plate_scale == pytest.approx(angular_size(48 * u.km).value)
    # The first number of the header is said to be of no use.
    np.testing.assert_array_equal(
        read_muram(write_slice(tmp_path / "I_out.0024000", [INTENSITY], first=5)).image, truth.image
    )


@pytest.mark.parametrize("vertical", [0, 1, 2])
def test_field_of_a_slice(tmp_path, vertical):
    planes = np.arange(10)[:, None, None] * np.ones((NY, NX))
    planes[5 + vertical] = OFFSET / np.sqrt(4 * np.pi)
    path = write_slice(tmp_path / "tau_slice_1.000.0340000", planes)
    write_header(tmp_path / "Header.0340000", vertical)
    truth = read_muram(path, vertical=vertical)
    np.testing.assert_allclose(truth.image, OFFSET, rtol=1e-6)
    assert (truth.unit, truth.periodic) == ("G", True)


@pytest.mark.parametrize("vertical", [0, 1, 2])
@pytest.mark.parametrize("layer", [0.0, -1.5])
def test_field_of_a_cube(tmp_path, vertical, layer):
    truth = read_muram(write_cubes(tmp_path, vertical), log_tau=layer)
    np.testing.assert_allclose(truth.image, OFFSET + SLOPE * layer, rtol=1e-4, atol=0.01)
    assert truth.plate_scale == pytest.approx(angular_size(48 * u.km).value)


def test_any_observer_and_any_grid(tmp_path):
    path = write_slice(tmp_path / "I_out.024000", [INTENSITY])
    near = read_muram(path, grid=24 * u.km, distance=0.3 * u.au)
    assert near.plate_scale == pytest.approx(angular_size(48 * u.km).value / 0.6)
    with pytest.raises(ValueError, match=r"I_out\.024000 has no Header file beside it or in \.\./3D: give its 'grid'"):
        read_muram(path)


def test_headers_of_the_usual_folders(tmp_path):
    for folder in ("2D", "3D"):
        (tmp_path / folder).mkdir()
    path = write_slice(tmp_path / "2D" / "I_out.024010", [INTENSITY])
    header = write_header(tmp_path / "3D" / "Header.024000")
    assert read_muram(path).plate_scale == pytest.approx(angular_size(48 * u.km).value)
    assert muram_files(path) == [path, header]
    cube = write_cubes(tmp_path / "3D")
    assert muram_files(cube) == [cube, cube.with_name("tau.024000"), header]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("I_out.024000", True),
        ("tau_slice_1.000.024000", True),
        ("tau_slice_0.000001.0024000", True),
        ("xy_slice_0120.024000", True),
        ("result_prim_5.024000", True),
        ("result_prim_0.024000", False),
        ("I_out.fits", False),
        ("tau.024000", False),
    ],
)
def test_names(name, known):
    assert is_muram(f"run/{name}") == known
    if not known:
        with pytest.raises(ValueError, match="is no file that is known of MURaM"):
            read_muram(name)


@pytest.mark.parametrize("kept", [0, 8, 100, -4, "more"])
def test_slices_of_another_size_are_named(tmp_path, kept):
    path = write_slice(tmp_path / "tau_slice_0.100.024000", np.ones((8, NY, NX)))
    content = path.read_bytes()
    path.write_bytes(content + content[:4] if kept == "more" else content[:kept])
    with pytest.raises(ValueError, match=r"tau_slice_0\.100\.024000 (has \d+ bytes, expected 3856|begins with)"):
        read_muram(path, grid=48 * u.km)


@pytest.mark.parametrize("first", [0, -7.5, np.nan])
def test_the_first_number_of_an_intensity_is_left_alone(tmp_path, first):
    path = write_slice(tmp_path / "I_out.024000", [INTENSITY], first=first)
    np.testing.assert_allclose(read_muram(path, grid=48 * u.km).image, INTENSITY / INTENSITY.mean(), rtol=1e-6)


def test_slices_of_another_layout_are_named(tmp_path):
    grid = 48 * u.km
    path = tmp_path / "I_out.024000"
    np.asarray([1, NX, NY, 0, *INTENSITY.ravel()], ">f4").tofile(path)
    with pytest.raises(ValueError, match=r"begins with .* expected the number of planes, nx, ny and the time"):
        read_muram(path, grid=grid)
    with pytest.raises(ValueError, match="has 3 planes, expected at least 6"):
        read_muram(write_slice(tmp_path / "tau_slice_1.000.024000", np.ones((3, NY, NX))), grid=grid)
    with pytest.raises(ValueError, match="expected 0, 1 or 2"):
        read_muram(path, grid=grid, vertical=3)
    gaps = np.where(INTENSITY > 3.9e10, np.nan, INTENSITY)
    with pytest.raises(ValueError, match=rf"I_out\.024000 has {np.isnan(gaps).sum()} pixels that are not finite"):
        read_muram(write_slice(path, [gaps]), grid=grid)


def test_headers_of_another_layout_are_named(tmp_path):
    path = write_slice(tmp_path / "I_out.024000", [INTENSITY])
    header = write_header(tmp_path / "Header.024000", spacings=KM | {"y": 64})
    with pytest.raises(ValueError, match=r"Header\.024000: the horizontal spacings are .* expected square pixels"):
        read_muram(path)
    write_header(header, spacings={name: 1e-5 * size for name, size in KM.items()})  # km instead of cm
    with pytest.raises(ValueError, match=r"spacings are 48\.0 cm and 48\.0 cm, expected square pixels of kilometres"):
        read_muram(path)
    write_header(header, vertical=2)
    with pytest.raises(ValueError, match=r"has \(10, 12\) pixels \(y, x\), but .*give its 'grid' in km, or the 'vert"):
        read_muram(path)
    for text in ("", "24 12 10", "a b c d e f g", "24.5 12 10 1 1 1 0", "nan 12 10 1 1 1 0", "24 12 10 inf 1 1 0"):
        header.write_text(text)
        with pytest.raises(ValueError, match=r"Header\.024000 is no MURaM header, expected the text n0 n1 n2"):
            read_muram(path)


@pytest.mark.parametrize("name", ["tau.024000", "result_prim_5.024000"])
def test_faults_of_cubes_are_named(tmp_path, name):
    path = write_cubes(tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:-400])
    with pytest.raises(ValueError, match=rf"{name} has \d+ bytes, expected {len(content)} for a cube of shape"):
        read_muram(path)
    (tmp_path / name).write_bytes(content[:-4000] + b"\xff" * 4000)
    with pytest.raises(ValueError, match=r"result_prim_5\.024000.*not finite"):
        read_muram(path)
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{name} does not exist"):
        read_muram(path)


def test_a_layer_outside_of_the_box_is_named(tmp_path):
    with pytest.raises(
        ValueError,
        match=r"result_prim_5\.024000 with tau\.024000: log tau goes from -4\.9.* expected that it passes -7",
    ):
        read_muram(write_cubes(tmp_path), log_tau=-7)


def test_a_horizontal_component_is_not_taken_for_the_vertical_one(tmp_path):
    with pytest.raises(
        ValueError, match=r"result_prim_5\.024000 is the field along direction 0, and the vertical is 2"
    ):
        read_muram(write_cubes(tmp_path), vertical=2)


def test_cubes_are_left_as_they_are(tmp_path):
    path = write_cubes(tmp_path)
    shutil.copy(path, tmp_path / "copy")
    read_muram(path)
    assert path.read_bytes() == (tmp_path / "copy").read_bytes()
