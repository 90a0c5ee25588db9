"""The comparison with a larger telescope, on references that the test degrades, turns and shifts itself."""

import pathlib

import numpy as np
import pytest
from conftest import hmi_header, smooth_noise
from scipy import ndimage

import astropy.units as u
from astropy.io import fits

import sunpy.map

from sunpy_enhance import enhance_map
from sunpy_enhance.optics import AiryPSF, WachterPSF, degrade
from sunpy_enhance.validation import bicubic, compare

DATA = pathlib.Path(__file__).parents[2] / ".." / "shared" / "data" / "highres"

TRUTH_SCALE = 0.084
SHAPE = (180, 200)


@pytest.fixture(scope="module")
def truth():
    """Structure of the Sun that even the smaller telescope sees, and finer one, about the middle of a plane."""
    return 1 + 0.1 * smooth_noise((1000, 1000), 3) + 0.05 * smooth_noise((1000, 1000), 8, seed=1)


def seen(
    truth,
    diameter,
    plate_scale,
    shape,
    *,
    turn=0.0,
    centre=(0.0, 0.0),
    level=1000.0,
    steps=1.0,
    observable="noLimbDark",
    wavelength=6173.0,
):
    """A Map of the truth: rotated by `turn` degrees, its centre at `centre` arcsec."""
    blurred = degrade(truth, AiryPSF(diameter, wavelength), TRUTH_SCALE, periodic=True)
    angle = np.deg2rad(turn)
    rows, columns = np.indices(shape, float)
    x, y = (columns - (shape[1] - 1) / 2) * plate_scale * steps, (rows - (shape[0] - 1) / 2) * plate_scale
    west = np.cos(angle) * x - np.sin(angle) * y + centre[0]
    north = np.sin(angle) * x + np.cos(angle) * y + centre[1]
    places = [v / TRUTH_SCALE + (len(truth) - 1) / 2 for v in (north, west)]
    image = level * ndimage.map_coordinates(blurred, places, order=5, mode="grid-wrap")
    header = hmi_header(
        observable,
        shape,
        wavelnth=wavelength,
        cdelt1=plate_scale * steps,
        cdelt2=plate_scale,
        crval1=centre[0],
        crval2=centre[1],
        crota2=turn,
    )
    return sunpy.map.Map(image.astype(np.float32), header)


@pytest.fixture(scope="module")
def enhanced(truth):
    return seen(truth, 0.28, 0.252, SHAPE, level=2.0)


@pytest.mark.parametrize("plate_scale", [0.109, 0.16, 0.3])
def test_scale_rotation_and_aperture_are_those_of_the_header(truth, enhanced, plate_scale):
    n = int(40 / plate_scale)
    reference = seen(truth, 0.5, plate_scale, (n, n), turn=23.0, centre=(3.0, -2.0))
    found = compare(enhanced, reference)
    np.testing.assert_allclose(found.shift.to_value(u.pix), 0, atol=0.05)
    assert found.correlation > (0.999 if plate_scale < 0.2 else 0.99)
    assert found.slope == pytest.approx(2 / 1000, rel=0.02)
    assert found.contrast["enhanced"] == pytest.approx(found.contrast["reference"], rel=0.02)
    undegraded = compare(enhanced, reference, aperture=28 * u.cm)
    assert undegraded.contrast["reference"] > 1.05 * found.contrast["reference"]


@pytest.mark.parametrize("error", [(0.0, 0.0), (1.37, -2.21), (-6.0, 4.7)])
def test_an_error_of_the_pointing_is_found(truth, enhanced, error):
    reference = seen(truth, 0.5, 0.16, (240, 250), turn=180.0)
    wrong = sunpy.map.Map(reference.data, {**reference.meta, "crval1": error[0], "crval2": error[1]})
    found = compare(enhanced, wrong)
    np.testing.assert_allclose(found.shift.to_value(u.pix), -np.array(error) / 0.252, atol=0.05)
    assert found.correlation > 0.999
    assert found.reference.data.shape == found.enhanced.data.shape == found.used.shape
    figure = found.plot()
    assert len(figure.axes) >= 3
    assert f"{found.correlation:.4f}" in str(found)


def test_noise_and_gaps_do_not_move_it(truth, enhanced):
    reference = seen(truth, 0.5, 0.16, (240, 250))
    data = reference.data + 20 * np.random.default_rng(0).standard_normal(reference.data.shape)
    data[100:110, 50:200] = np.nan
    shifted = sunpy.map.Map(data.astype(np.float32), {**reference.meta, "crval1": 0.8, "crval2": 0.4})
    found = compare(enhanced, shifted)
    np.testing.assert_allclose(found.shift.to_value(u.pix), [-0.8 / 0.252, -0.4 / 0.252], atol=0.05)
    assert found.used.sum() < found.used.size
    assert np.isnan(found.reference.data).any()


def isolated(shape):
    return np.random.default_rng(1).random(shape) < 0.05


def columns(shape):
    return np.arange(shape[1]) % 7 == np.zeros((shape[0], 1))


@pytest.mark.parametrize("gaps", [isolated, columns])
def test_gaps_all_over_do_not_move_it(truth, enhanced, gaps):
    """As inversions that failed and dead columns leave them."""
    reference = seen(truth, 0.5, 0.16, (240, 250), turn=10.0)
    data = np.where(gaps(reference.data.shape), np.nan, reference.data).astype(np.float32)
    found = compare(enhanced, sunpy.map.Map(data, {**reference.meta, "crval1": 0.8, "crval2": 0.4}))
    np.testing.assert_allclose(found.shift.to_value(u.pix), [-0.8 / 0.252, -0.4 / 0.252], atol=0.05)


def test_the_reference_keeps_its_name(truth, enhanced):
    made = sunpy.map.Map(enhanced.data, {**enhanced.meta, "enhmodel": "continuum", "history": "made by a network"})
    reference = of_hinode(seen(truth, 0.5, 0.16, (240, 250), wavelength=4504.0), content=None)
    found = compare(made, reference)
    meta = found.reference.meta
    assert (meta["telescop"], meta["instrume"], meta["wavelnth"]) == ("HINODE", "SOT", 4504.0)
    assert not {"enhmodel", "content"} & set(meta)
    pixel = found.enhanced.world_to_pixel(found.reference.pixel_to_world(50 * u.pix, 50 * u.pix))
    np.testing.assert_allclose([v.to_value(u.pix) for v in pixel], 50, atol=1e-3)
    assert "degraded from 50.0 cm to 28.0 cm, shifted by" in meta["history"]
    assert "network" not in meta["history"]


def test_images_without_units_have_scales_of_their_own(truth, enhanced):
    reference = of_hinode(seen(truth, 0.5, 0.16, (240, 250)), bunit=None)
    plain = sunpy.map.Map(enhanced.data, {key: value for key, value in enhanced.meta.items() if key != "bunit"})
    figure = compare(plain, reference).plot()
    assert len(figure.axes) == 5
    low, high = figure.axes[0].images[0].get_clim()
    assert 1 < low < high < 3


def test_a_small_slope_keeps_its_digits(truth, enhanced):
    """As of an enhanced Map in units of the quiet Sun over tens of thousands of counts."""
    found = compare(enhanced, seen(truth, 0.5, 0.16, (240, 250), level=2e4))
    assert found.slope == pytest.approx(1e-4, rel=0.02)
    for told in (str(found), found.plot().axes[2].get_legend().get_texts()[-1].get_text()):
        assert float(told.partition("slope ")[2].partition(",")[0]) == pytest.approx(found.slope, rel=1e-3)


def test_other_steps_along_the_slit_are_no_obstacle(truth, enhanced):
    found = compare(enhanced, seen(truth, 0.5, 0.16, (240, 220), steps=0.92))
    np.testing.assert_allclose(found.shift.to_value(u.pix), 0, atol=0.05)
    assert found.correlation > 0.999


def test_the_mask_of_the_enhanced_map_is_left_out(truth, enhanced):
    mask = np.zeros(SHAPE, bool)
    mask[:, :100] = True
    masked = sunpy.map.Map(np.where(mask, 99, enhanced.data).astype(np.float32), enhanced.meta, mask=mask)
    found = compare(masked, seen(truth, 0.5, 0.16, (240, 250)))
    assert found.correlation > 0.999
    assert not found.used[:, :30].any()


def test_what_cannot_be_compared_is_refused(truth, enhanced):
    reference = seen(truth, 0.5, 0.16, (240, 250))
    with pytest.raises(ValueError, match="expected at least the 28.0 cm"):
        compare(enhanced, reference, aperture=20 * u.cm)
    far = sunpy.map.Map(reference.data, {**reference.meta, "crval1": 300.0})
    with pytest.raises(ValueError, match="pixels in common, expected at least 32 x 32"):
        compare(enhanced, far)
    off = sunpy.map.Map(reference.data, {**reference.meta, "crval1": 6.0})
    with pytest.raises(ValueError, match="check that both show the same region"):
        compare(enhanced, off, largest_shift=3 * u.arcsec)


@pytest.mark.parametrize("wavelength", [3883.0, 4504.0, 6684.0])
def test_the_target_is_seen_at_the_wavelength_of_hmi(truth, enhanced, wavelength):
    found, expected = (
        compare(enhanced, seen(truth, 0.5, 0.109, (367, 367), wavelength=one)) for one in (wavelength, 6173.0)
    )
    assert found.contrast["reference"] == pytest.approx(expected.contrast["reference"], rel=1e-3)
    assert found.slope == pytest.approx(expected.slope, rel=1e-3)


def of_hinode(smap, **keywords):
    """The same Map, not said to be HMI's, for which SunPy has units of its own; None takes a keyword out."""
    meta = {**smap.meta, "telescop": "HINODE", "instrume": "SOT", **keywords}
    return sunpy.map.Map(smap.data, {key: value for key, value in meta.items() if value is not None})


def test_a_wavelength_without_a_unit_is_taken_where_it_is_clear(truth, enhanced):
    reference = seen(truth, 0.5, 0.16, (240, 250), wavelength=4504.0)
    told, untold, nanometres = (
        compare(enhanced, of_hinode(reference, wavelnth=value, waveunit=unit)).contrast["reference"]
        for value, unit in ((4504.0, "Angstrom"), (4504.0, None), (450.4, "nm"))
    )
    assert untold == told
    assert nanometres == pytest.approx(told, rel=1e-6)
    with pytest.raises(ValueError, match="WAVELNTH = 450.4 without a unit: set WAVEUNIT"):
        compare(enhanced, of_hinode(reference, wavelnth=450.4, waveunit=None))


@pytest.mark.parametrize(
    ("name", "wavelength"), [("G band 4305", 4305.0), ("red cont 6684", 6684.0), ("Ca II H line", 3968.5)]
)
def test_hinode_names_the_filter_instead(truth, enhanced, name, wavelength):
    reference = seen(truth, 0.5, 0.16, (240, 250), wavelength=wavelength)
    told, named = (
        compare(enhanced, of_hinode(reference, **keywords))
        for keywords in ({}, {"wavelnth": None, "waveunit": None, "wave": name})
    )
    assert named.contrast == told.contrast
    assert named.reference.meta["wave"] == name
    with pytest.raises(ValueError, match=r"of 'BFI no move' \(WAVE\), which tells no wavelength: set WAVELNTH"):
        compare(enhanced, of_hinode(reference, wavelnth=None, waveunit=None, wave="BFI no move"))


def test_the_mask_of_the_reference_is_left_out(truth, enhanced):
    reference = seen(truth, 0.5, 0.16, (240, 250))
    mask = np.zeros(reference.data.shape, bool)
    mask[80:120, 60:160] = True
    clean = np.where(mask, np.nan, reference.data)
    masked = sunpy.map.Map(np.where(mask, 1200, reference.data).astype(np.float32), reference.meta, mask=mask)
    found, expected = (compare(enhanced, one) for one in (masked, sunpy.map.Map(clean, reference.meta)))
    np.testing.assert_array_equal(found.reference.data, expected.reference.data)
    assert found.contrast == expected.contrast
    with pytest.raises(ValueError, match="no finite pixel that is not masked"):
        compare(enhanced, sunpy.map.Map(reference.data, reference.meta, mask=np.ones_like(mask)))


@pytest.fixture(scope="module")
def field(truth):
    """The enhanced Map of a field, and what Hinode sees of it."""
    field = 5000 * (truth - 1)
    options = {"level": 1.0, "observable": "magnetogram"}
    return seen(field, 0.28, 0.252, SHAPE, **options), seen(field, 0.5, 0.16, (240, 250), **options)


def test_a_field_in_another_unit_is_converted(field):
    enhanced, reference = field
    expected = compare(enhanced, of_hinode(reference))
    for unit, factor in (("kG", 1e-3), ("mT", 0.1)):
        other = of_hinode(reference._new_instance(reference.data * factor, reference.meta), bunit=unit)
        found = compare(enhanced, other)
        assert found.slope == pytest.approx(expected.slope, rel=1e-4)
        assert found.contrast["reference"] == pytest.approx(expected.contrast["reference"], rel=1e-4)
        assert found.reference.unit == u.G


def test_intensities_in_counts_of_any_camera_can_be_compared(truth, enhanced):
    reference = seen(truth, 0.5, 0.16, (240, 250))
    expected = compare(enhanced, of_hinode(reference)).contrast
    counts = {"bunit": "DN / s"}
    mine = sunpy.map.Map(enhanced.data, enhanced.meta | counts)
    for unit in ("ct", None, ""):
        found = compare(mine, of_hinode(reference, bunit=unit))
        assert found.contrast == pytest.approx(expected, rel=1e-6)
        assert found.enhanced.unit == u.DN / u.s
        assert found.reference.unit == (None if unit is None else u.Unit(unit))
        assert len(found.plot().axes) == 5  # a colour bar for each unit


def test_a_field_and_an_intensity_cannot_be_compared(truth, enhanced, field):
    intensity = seen(truth, 0.5, 0.16, (240, 250))
    with pytest.raises(ValueError, match="the enhanced Map is an intensity and the reference is a field"):
        compare(enhanced, field[1])
    with pytest.raises(ValueError, match="the enhanced Map is a field and the reference is an intensity"):
        compare(field[0], intensity)


def test_a_field_of_one_polarity_is_a_field(field):
    expected = compare(*field)
    shifted = [one._new_instance(one.data + 5000, one.meta) for one in field]
    assert min(one.data.min() for one in shifted) > 0
    assert compare(*shifted).contrast == pytest.approx(expected.contrast, rel=1e-3)
    # Without a unit of its own it is what the other is, or, if that has none either, what its sign says.
    bare = [of_hinode(one, bunit=None) for one in field]
    assert compare(field[0], bare[1]).contrast == pytest.approx(expected.contrast, rel=1e-3)
    assert compare(*bare).contrast == pytest.approx(expected.contrast, rel=1e-3)


def test_a_telescope_that_resolves_less_in_the_infrared_is_refused(truth, enhanced):
    reference = sunpy.map.Map((other := seen(truth, 0.5, 0.16, (240, 250))).data, other.meta | {"wavelnth": 15650.0})
    with pytest.raises(ValueError, match="passes up to 1.55 cycles per arcsec, expected at least the 2.20 of 28.0 cm"):
        compare(enhanced, reference)


@pytest.mark.filterwarnings("ignore:The conversion of these 2D")
def test_a_border_off_the_disk_at_another_time_is_told(truth, enhanced):
    away, later = {"crval1": 1000.0}, {"t_obs": "2011.02.15_02:04:54_TAI"}
    reference = seen(truth, 0.5, 0.16, (150, 160))
    reference, enhanced = (
        sunpy.map.Map(one.data, {**one.meta, **away, **time}) for one, time in ((reference, later), (enhanced, {}))
    )
    with pytest.raises(ValueError, match="no point of the reference's border is on the disk"):
        compare(enhanced, reference)


def test_what_is_no_map_is_refused(enhanced):
    with pytest.raises(TypeError, match="enhanced is a ndarray, expected a sunpy Map"):
        compare(enhanced.data, enhanced)
    with pytest.raises(TypeError, match="reference_map is a ndarray, expected a sunpy Map"):
        compare(enhanced, enhanced.data)


STAND_INS = {
    "ME sunspot, field": ("me_sunspot_upper.fits", 2, 0.16, 50 * u.cm),
    "ME sunspot, continuum": ("me_sunspot_upper.fits", 1, 0.16, 50 * u.cm),
    "SST quiet Sun": ("sst_crisp_quiet_sun_20190801.fits", 0, 0.059, 97 * u.cm),
    "SST sunspot": ("sst_crisp_sunspot_20200727.fits", 0, 0.059, 97 * u.cm),
}


@pytest.mark.skipif(not DATA.exists(), reason="the data of larger telescopes are not here (../shared/data/highres)")
@pytest.mark.parametrize("name", STAND_INS)
def test_images_of_larger_telescopes_and_what_hmi_would_have_seen_of_them(name):
    """HMI sees the image itself, so that only the telescope of `target` is between the enhanced one and it."""
    file, extension, plate_scale, aperture = STAND_INS[name]
    image = fits.getdata(DATA / file, extension).astype(np.float32)
    observable, noise = "noLimbDark", 1e-3
    if "field" in name:
        observable, noise = "magnetogram", 10.0
    else:
        image /= np.median(image)
    blurred = degrade(image, WachterPSF(), plate_scale)
    step = 0.504 / plate_scale
    shape = [int(n / step) - 1 for n in image.shape]
    middle = [(n - 1) / 2 for n in image.shape]
    places = [m + step * (np.arange(n) - (n - 1) / 2) for m, n in zip(middle, shape, strict=True)]
    seen_by_hmi = ndimage.map_coordinates(blurred, np.meshgrid(*places, indexing="ij"), order=3)
    seen_by_hmi += noise * np.random.default_rng(0).standard_normal(shape)
    smap = sunpy.map.Map(seen_by_hmi.astype(np.float32), hmi_header(observable, tuple(shape), crota2=0.0))
    enhanced = enhance_map(smap, device="cpu", **({} if "field" in name else {"quiet_sun": 1.0}))

    header = hmi_header(observable, image.shape, cdelt1=plate_scale, cdelt2=plate_scale, crota2=0.0)
    pointing = {"crval1": 1.3, "crval2": -0.7}  # wrong by this
    reference = sunpy.map.Map(image, header | pointing)
    found, plain = (compare(one, reference, aperture=aperture) for one in (enhanced, bicubic(smap)))
    assert plain.correlation < found.correlation < 1
    assert plain.contrast["enhanced"] < found.contrast["enhanced"] < found.contrast["reference"]
    assert 0.8 < found.slope < 1
    np.testing.assert_allclose(found.shift.to_value(u.pix), [-1.3 / 0.252, 0.7 / 0.252], atol=0.05)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0, -1, [50, 60]])
@pytest.mark.parametrize(("name", "unit"), [("aperture", u.cm), ("target", u.cm), ("largest_shift", u.arcsec)])
def test_diameters_and_how_far_to_look_are_checked(truth, enhanced, name, unit, value):
    with pytest.raises(ValueError, match=f"{name} is .*, expected one Quantity of more than nothing, and finite"):
        compare(enhanced, seen(truth, 0.5, 0.16, (240, 250)), **{name: value * unit})


@pytest.mark.parametrize(("error", "largest"), [(0.0, 0.1), (0.2, 0.25), (0.2, 0.5), (2.1, 2.2)])
def test_a_shift_up_to_the_largest_is_found(truth, enhanced, error, largest):
    reference = seen(truth, 0.5, 0.16, (240, 250))
    wrong = sunpy.map.Map(reference.data, {**reference.meta, "crval1": error})
    found = compare(enhanced, wrong, largest_shift=largest * u.arcsec)
    np.testing.assert_allclose(found.shift.to_value(u.pix), [-error / 0.252, 0], atol=0.05)
    beyond = sunpy.map.Map(reference.data, {**reference.meta, "crval1": 4.0})
    with pytest.raises(ValueError, match="the best (shift found is .* expected less than|correlation within)"):
        compare(enhanced, beyond, largest_shift=largest * u.arcsec)


def test_maps_without_data_in_common_are_told(truth, enhanced):
    reference = seen(truth, 0.5, 0.16, (240, 250))
    empty = sunpy.map.Map(np.full_like(enhanced.data, np.nan), enhanced.meta)
    masked = sunpy.map.Map(enhanced.data, enhanced.meta, mask=np.ones(enhanced.data.shape, bool))
    for one in (empty, masked):
        with pytest.raises(ValueError, match="the Maps have 0 pixels with data in common, expected at least"):
            compare(one, reference)
    # All that is left lies where the search for the shift does not look.
    columns = sunpy.map.Map(np.where(np.arange(250) < 3, reference.data, np.nan), reference.meta)
    with pytest.raises(ValueError, match="the best correlation within the largest shift is 0.00"):
        compare(enhanced, columns)
