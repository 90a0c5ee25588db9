"""Richardson-Lucy against what is known of it, and as a Map."""

import numpy as np
import pytest
from conftest import make_map, small_disk, smooth_noise

from sunpy_enhance import enhance_map, richardson_lucy
from sunpy_enhance.optics import DeltaPSF, WachterPSF, degrade, redegrade
from sunpy_enhance.richardson_lucy import deconvolve

FINE = 0.252


@pytest.fixture(scope="module")
def sun():
    """Quiet Sun with structure that HMI passes, and what HMI sees of it."""
    truth = (1 + 0.1 * smooth_noise((96, 96), 3)).astype(np.float32)
    return truth, degrade(truth, WachterPSF(), FINE)


def test_without_a_telescope_nothing_changes():
    image = (1 + 0.1 * smooth_noise((40, 44), 2)).astype(np.float32)
    result = deconvolve(image, DeltaPSF(), FINE, iterations=3)
    np.testing.assert_allclose(result, image, rtol=1e-5)
    field = (300 * smooth_noise((40, 44), 2)).astype(np.float32)
    for signed in ("offset", "split"):
        result = deconvolve(field, DeltaPSF(), FINE, iterations=3, signed=signed)
        np.testing.assert_allclose(result, field, atol=0.02)


def test_it_comes_nearer_to_the_truth_and_to_the_data(sun):
    truth, seen = sun
    errors, residuals = [], []
    for iterations in (1, 10, 100):
        result = deconvolve(seen, WachterPSF(), FINE, iterations=iterations)
        errors.append(np.std(result - truth))
        residuals.append(np.std(degrade(result, WachterPSF(), FINE) - seen))
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert residuals[0] > 3 * residuals[1] > 9 * residuals[2]


def test_the_mean_is_conserved_and_positive_stays_positive(sun):
    _, seen = sun
    result = deconvolve(seen - seen.min(), WachterPSF(), FINE, iterations=20)
    assert result.mean() == pytest.approx((seen - seen.min()).mean(), rel=2e-3)
    assert result.min() >= 0


@pytest.mark.parametrize("signed", ["offset", "split"])
def test_a_field_is_odd(signed):
    field = (300 * smooth_noise((48, 48), 3)).astype(np.float32)
    one, other = (deconvolve(sign * field, WachterPSF(), FINE, iterations=5, signed=signed) for sign in (1, -1))
    # With an offset only to the second order in the field over the offset.
    np.testing.assert_allclose(one, -other, atol=1e-2 if signed == "split" else 0.05 * np.abs(one).max())
    assert one.std() > 1.05 * field.std()


@pytest.mark.parametrize("observable", ["continuum", "magnetogram", "noLimbDark"])
def test_a_map_comes_out_with_its_header(observable):
    smap = make_map(observable, (40, 50))
    before = smap.data.copy()
    result = richardson_lucy(smap, iterations=10)
    assert np.array_equal(smap.data, before)
    assert result.data.shape == (80, 100)
    assert result.data.dtype == np.float32
    assert type(result) is type(smap)
    assert result.unit == smap.unit
    expected = smap.resample([100, 80] * result.dimensions[0].unit)
    for keyword in ("crpix1", "crpix2", "cdelt1", "cdelt2"):
        assert result.meta[keyword] == pytest.approx(expected.meta[keyword])
    assert result.meta["enhmodel"] == "richardson-lucy"
    assert result.meta["enhiter"] == 10
    assert ("enhsign" in result.meta) == (observable == "magnetogram")
    assert result.mask is None
    seen = redegrade(result, target=DeltaPSF()).data
    assert np.std(seen - smap.data) < 0.3 * np.std(smap.data)
    with pytest.raises(ValueError, match="enhanced already"):
        enhance_map(result)


def test_gaps_come_back_and_the_sky_stays_dark():
    data = np.full((96, 96), 5e4, np.float32)
    rows, columns = np.indices(data.shape) - 47.5
    data[np.hypot(rows, columns) > 40] = np.nan
    data[40:43, 30:33] = np.nan
    data[60, 60] = 1e9
    mask = data > 1e8
    smap = make_map("continuum", data=data, mask=mask, **small_disk(40))
    result = richardson_lucy(smap, iterations=5)
    gone = np.isnan(data).repeat(2, axis=0).repeat(2, axis=1)
    assert np.array_equal(np.isnan(result.data), gone)
    assert np.array_equal(result.mask, gone | mask.repeat(2, axis=0).repeat(2, axis=1))
    assert np.nanmax(result.data) < 1.6e5


def test_a_gap_at_the_limb_is_not_filled_with_the_sky():
    data = np.full((96, 96), 5e4, np.float32)
    rows, columns = np.indices(data.shape) - 47.5
    data[np.hypot(rows, columns) > 40] = np.nan
    gap = (np.abs(rows) < 8) & (columns > 28)
    whole, torn = (
        richardson_lucy(make_map("continuum", data=one, **small_disk(40)), iterations=5).data
        for one in (data, np.where(gap, np.nan, data).astype(np.float32))
    )
    kept = np.isfinite(torn)
    np.testing.assert_allclose(torn[kept], whole[kept], rtol=2e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iterations": 0}, "iterations is 0, expected a positive integer"),
        ({"iterations": 2.5}, "iterations is 2.5"),
        ({"upsample": "nearest"}, "upsample is 'nearest', expected one of 'bilinear', 'cubic'"),
        ({"upsample": []}, r"upsample is \[\], expected one of"),
        ({"signed": "abs"}, "signed is 'abs', expected one of 'offset', 'split'"),
    ],
)
def test_unknown_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        richardson_lucy(make_map(), **options)


def test_a_name_is_no_psf():
    with pytest.raises(TypeError, match="psf is a str, expected a PSF"):
        richardson_lucy(make_map(), psf="wachter")
