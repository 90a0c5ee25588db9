import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from sunpy_enhance._pixels import bilinear, cubic, dilate, enlarge, fill, invalid, rows_of, spans
from sunpy_enhance._threads import bands


def whole(image, interpolate):
    return interpolate(rows_of(image, 0, len(image)))


@pytest.mark.parametrize(("interpolate", "degree"), [(bilinear, 1), (cubic, 2)])
def test_interpolation_is_exact_for_polynomials(interpolate, degree):
    y, x = np.mgrid[:20, :23].astype(float)
    fine_y, fine_x = ((np.mgrid[:40, :46] + 0.5) / 2) - 0.5

    def polynomial(y, x):
        return 3 + 2 * x - y + (degree > 1) * (0.3 * x * y - 0.2 * x**2 + 0.1 * y**2)

    result = whole(polynomial(y, x), interpolate)
    inner = (slice(4, -4),) * 2
    np.testing.assert_allclose(result[inner], polynomial(fine_y, fine_x)[inner], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("interpolate", [bilinear, cubic])
def test_interpolation_keeps_a_constant_and_works_in_bands(interpolate):
    constant = np.full((9, 8), 0.7, dtype=np.float32)
    np.testing.assert_allclose(whole(constant, interpolate), 0.7, rtol=2e-7)
    image = np.random.default_rng(0).random((37, 12)).astype(np.float32)
    banded = np.vstack([interpolate(rows_of(image, *band)) for band in bands(37, 10)])
    assert banded.dtype == np.float32
    np.testing.assert_array_equal(banded, whole(image, interpolate))


def test_bilinear_is_scipys():
    image = np.random.default_rng(0).random((9, 8))
    coordinates = (np.mgrid[:18, :16] + 0.5) / 2 - 0.5
    expected = ndimage.map_coordinates(image, coordinates, order=1, mode="nearest")
    np.testing.assert_allclose(whole(image, bilinear), expected, rtol=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(0, 7))
def test_dilate_is_a_square(seed, reach):
    footprint = np.random.default_rng(seed).random((23, 31)) < 0.02
    square = np.ones((2 * reach + 1,) * 2, dtype=bool)
    before = footprint.copy()
    np.testing.assert_array_equal(dilate(footprint, reach), ndimage.binary_dilation(footprint, square))
    np.testing.assert_array_equal(footprint, before)


@given(st.integers(0, 2**32 - 1), st.floats(0.02, 0.98))
def test_fill_takes_the_nearest(seed, share):
    rng = np.random.default_rng(seed)
    image = rng.random((24, 30))
    bad = rng.random(image.shape) < share
    bad[3, 4] = False
    original = image.copy()
    image[bad] = np.nan
    fill(image, bad, 40)
    np.testing.assert_array_equal(image[~bad], original[~bad])
    distance = ndimage.distance_transform_edt(bad)
    for y, x in np.argwhere(bad):
        good = np.argwhere(~bad)
        nearest = good[np.isclose(np.hypot(*(good - (y, x)).T), distance[y, x])]
        assert image[y, x] in original[tuple(nearest.T)]


def test_fill_far_away_and_nothing_to_fill():
    image = np.array([[1.0, 2.0, 3.0] + 37 * [np.nan]] * 5)
    bad = np.isnan(image)
    fill(image, bad, 3)
    np.testing.assert_array_equal(image[0], [1, 2, 3, 3, 3, 3] + 34 * [2])
    fill(image, np.zeros_like(bad), 3)
    assert image[0, 2] == 3


def test_fill_what_is_seen_however_far():
    image = np.array([[1.0, 2.0, 3.0] + 37 * [np.nan]] * 5)
    bad, seen = np.isnan(image), np.zeros(image.shape, dtype=bool)
    seen[:, :10] = True
    fill(image, bad, 3, seen)
    np.testing.assert_array_equal(image[0], [1, 2] + 8 * [3] + 30 * [2])


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.05), st.integers(1, 12))
def test_spans_hold_all(seed, share, grain):
    footprint = np.random.default_rng(seed).random((3, 50)) < share
    rest, last = footprint.copy(), -1
    for columns in spans(footprint, grain):
        assert last < columns.start < columns.stop <= 50
        assert footprint[:, columns].any()
        rest[:, columns], last = False, columns.stop
    assert not rest.any()


def test_invalid():
    data = np.array([[1, -32768, 3]], dtype=np.int16)
    np.testing.assert_array_equal(invalid(data, {"blank": -32768}), [[False, True, False]])
    np.testing.assert_array_equal(invalid(data, {}), [[False, False, False]])
    np.testing.assert_array_equal(invalid(data, {}, np.array([[True, False, False]])), [[True, False, False]])
    # What sunpy makes of a scaled sentinel.
    scaled = data * 0.1 + 7
    header = {"blank": -32768, "bscale": 0.1, "bzero": 7}
    np.testing.assert_array_equal(invalid(scaled, header), [[False, True, False]])
    np.testing.assert_array_equal(invalid(scaled.astype(">f4"), header), [[False, True, False]])
    # As hmi.Ic_noLimbDark_720s has it.
    header, raw = {"blank": -32768, "bscale": 3.33333e-05, "bzero": 1}, np.array([-32768, -32766, 0], np.int16)
    for kind in (np.float32, np.float64):
        scaled = (raw.astype(kind) * kind(header["bscale"]) + kind(header["bzero"]))[None]
        np.testing.assert_array_equal(invalid(scaled, header), [[True, False, False]])
    scaled = raw.astype(np.float32) * np.float32(header["bscale"]) + np.float32(header["bzero"])  # as astropy does
    np.testing.assert_array_equal(invalid(scaled[None], header), [[True, False, False]])
    # Near a sentinel that is scaled to zero, measurements are not missing.
    header = {"blank": -32768, "bscale": 1, "bzero": 32768}
    np.testing.assert_array_equal(invalid(np.array([[0.0, 0.05, 0.3, 1.0]]), header), [[True, False, False, False]])
    # What float32 cannot hold, and values that stand for none.
    np.testing.assert_array_equal(invalid(np.array([[1e300, -1e31, 5e3]]), {}), [[True, True, False]])
    # A small sentinel left in the header of real numbers may be a measurement.
    np.testing.assert_array_equal(invalid(np.array([[0.0, np.inf, np.nan]]), {"blank": 0}), [[False, True, True]])


def test_enlarge():
    footprint = np.random.default_rng(0).random((5, 7)) < 0.5
    np.testing.assert_array_equal(enlarge(footprint), footprint.repeat(2, axis=0).repeat(2, axis=1))
    np.testing.assert_array_equal(enlarge(footprint.T), footprint.T.repeat(2, axis=0).repeat(2, axis=1))
