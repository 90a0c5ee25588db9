import dataclasses

import numpy as np
import pytest
from conftest import CARD, granulation, make_map, small_disk

import astropy.units as u

from sunpy.util.exceptions import SunpyUserWarning

from sunpy_enhance import _quiet_sun_level
from sunpy_enhance._geometry import Disk
from sunpy_enhance._quiet_sun import limb_darkening
from sunpy_enhance.demo import demo_truth
from sunpy_enhance.photometry import to_network

MAGNETOGRAM = dataclasses.replace(CARD, observable="magnetogram", unit="G", normalisation=1000.0)


@pytest.mark.parametrize("bunit", ["DN/s", "ct/s", "", None])
def test_about_one_is_one_by_design(bunit):
    smap = make_map("noLimbDark", bunit=bunit)
    image, calibration = to_network(smap, CARD)
    assert calibration.quiet_sun.level == 1.0
    np.testing.assert_array_equal(image, smap.data)


@pytest.fixture(scope="module")
def spot():
    """A spot in units of the quiet Sun, and hardly any quiet Sun."""
    return demo_truth()["continuum"][0][60:124, 68:132]


@pytest.mark.parametrize(
    "told",
    [{"ldcoef0": 1.0}, {"series": "hmi.Ic_noLimbDark_720s"}, {"history": "hmi_limbdark"}, {"content": "NOLIMBDARK"}],
)
def test_a_spot_all_over_a_flat_series(spot, told):
    """There is no quiet Sun to tell its level, but the header says that it is 1."""
    image, calibration = to_network(make_map("noLimbDark", data=spot, **told), CARD)
    assert calibration.quiet_sun.level == 1.0
    np.testing.assert_array_equal(image, spot)
    # In counts it is not 1, whatever the header says, and nobody knows it.
    with pytest.warns(SunpyUserWarning, match="hardly any of this Map is quiet Sun, its level is taken for 38688"):
        to_network(make_map("noLimbDark", data=5e4 * spot, **told), CARD)


def test_quiet_sun_tells_its_level_whatever_the_header_says():
    """In a flat Map that was divided by its maximum; and one that is not flat may speak of limb darkening, too."""
    smap = make_map("noLimbDark", data=0.72 * granulation((64, 64)), series="hmi.Ic_noLimbDark_720s")
    assert to_network(smap, CARD)[0].mean() == pytest.approx(1, abs=0.01)
    quiet = granulation((80, 70))
    shape = limb_darkening(Disk.of(make_map("continuum", data=quiet, crval1=800.0)).mu())
    for history in ("no limb darkening correction applied", "limb darkening removed: no"):
        image, _ = to_network(make_map("noLimbDark", data=quiet * shape, crval1=800.0, history=history), CARD)
        assert image.mean() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("longitude", [0.0, 500.0, 800.0])
def test_units_of_the_disk_centre_are_not_flat(longitude):
    """Where the quiet Sun is 1 at disk centre only, the limb darkening is still in the Map."""
    quiet = granulation((80, 70))
    shape = limb_darkening(Disk.of(make_map("continuum", data=quiet, crval1=longitude)).mu())
    image, _ = to_network(make_map("noLimbDark", data=quiet * shape, crval1=longitude), CARD)
    np.testing.assert_allclose(image, quiet, rtol=0.02)
    # And where it is 1 everywhere, a few per cent off are no limb darkening.
    for level in (0.97, 1.0, 1.03):
        image, _ = to_network(make_map("noLimbDark", data=level * quiet, crval1=longitude), CARD)
        np.testing.assert_allclose(image, level * quiet, rtol=1e-6)


def test_a_whole_disk_in_units_of_its_centre():
    mu = Disk.of(make_map("continuum", (300, 300), **small_disk())).mu()
    quiet = granulation(mu.shape)
    image, calibration = to_network(make_map("noLimbDark", data=quiet * limb_darkening(mu), **small_disk()), CARD)
    assert calibration.quiet_sun.source == "fitted"
    inside = mu > 0.2
    np.testing.assert_allclose(image[inside], quiet[inside], rtol=0.02)
    image, calibration = to_network(make_map("noLimbDark", data=quiet, **small_disk()), CARD)
    assert calibration.quiet_sun.level == 1.0


@pytest.mark.parametrize("number", [np.nanmedian, np.nanmean, np.nanmax])
@pytest.mark.parametrize("frame", [small_disk(), {"crval1": 700.0}, {"crval1": 840.0}])
def test_limb_darkening_divided_by_a_number_of_the_map_is_not_flat(frame, number):
    """Its level is about 1 as well, but not everywhere."""
    quiet = granulation((300, 300))
    mu = Disk.of(make_map("continuum", data=quiet, **frame)).mu()
    data = np.where(mu > 0, quiet * limb_darkening(mu), np.nan)
    image, _ = to_network(make_map("noLimbDark", data=data / number(data), **frame), CARD)
    inside = mu > 0.2
    np.testing.assert_allclose(image[inside], quiet[inside], rtol=0.02)


@pytest.mark.parametrize(
    ("longitude", "series"),
    [(0.0, ""), (800.0, ""), *((longitude, "hmi.Ic_noLimbDark_720s") for longitude in (0.0, 500.0, 800.0))],
)
def test_flat_divided_by_a_number_of_the_map_is_flat(longitude, series):
    quiet = granulation((200, 200))
    for number in (1 / quiet.max(), 0.5, 5e4) if series else (1 / quiet.max(),):  # without a name others are darkened
        smap = make_map("noLimbDark", data=number * quiet, crval1=longitude, series=series)
        image, calibration = to_network(smap, CARD)
        assert calibration.quiet_sun.source == "level of the frame"
        np.testing.assert_allclose(image, quiet, rtol=0.005)


def test_cutout_is_divided_by_the_published_shape():
    quiet = 4.7e4 * granulation((80, 70))
    smap = make_map("continuum", data=quiet, crval1=800.0, crval2=-200.0)
    mu = Disk.of(smap).mu()
    smap = make_map("continuum", data=quiet * limb_darkening(mu), crval1=800.0, crval2=-200.0)
    image, calibration = to_network(smap, CARD)
    assert image.dtype == np.float32
    assert calibration.quiet_sun.level == pytest.approx(4.7e4, rel=2e-3)
    np.testing.assert_allclose(image, granulation((80, 70)), rtol=3e-3)


def test_very_limb():
    # Nothing but mu < 0.1, and beyond.
    keywords = {"crval1": 977.5, "crota2": 0.0}
    mu = Disk.of(make_map("continuum", (36, 32), **keywords)).mu()
    assert 0 < mu.max() < 0.1
    image, _ = to_network(make_map("continuum", data=4e4 * limb_darkening(mu), **keywords), CARD)
    np.testing.assert_allclose(image, 1, rtol=1e-5)


def test_half_sunspot():
    smap = make_map("continuum", (100, 100))
    _, quiet = to_network(smap, CARD)
    data = smap.data.copy()
    data[:, :30] *= np.linspace(0.6, 0.9, 30)
    data[:, 30:50] *= 0.2
    _, spotted = to_network(make_map("continuum", data=data), CARD)
    assert spotted.quiet_sun.level == pytest.approx(quiet.quiet_sun.level, rel=0.01)


def test_whole_disk_is_flattened():
    smap = make_map("continuum", (300, 300), **small_disk())
    mu = Disk.of(smap).mu()
    data = 5e4 * (1 - 0.5 * (1 - mu)) * granulation(mu.shape)
    data[mu == 0] = np.nan
    data[130:160, 130:160] *= 0.2
    image, calibration = to_network(make_map("continuum", data=data, **small_disk()), CARD)
    assert calibration.quiet_sun.source == "fitted"
    assert np.isfinite(image).all()
    for low in np.arange(0.15, 0.95, 0.1):
        ring = (mu > low) & (mu < low + 0.1)
        assert np.median(image[ring]) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("bunit", ["Gauss", "G", "kG", "T", "Mx/cm^2"])
def test_magnetogram_units(bunit):
    gauss = make_map("magnetogram")
    unit = u.Unit(bunit)
    smap = make_map("magnetogram", data=(gauss.data.astype(float) * u.G).to_value(unit), bunit=bunit)
    image, calibration = to_network(smap, MAGNETOGRAM)
    np.testing.assert_allclose(image, gauss.data, rtol=1e-6)
    assert calibration.quiet_sun is None


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f8", ">i4", "int16", "uint16", "float16"])
def test_any_real_type(dtype):
    data = np.round(100 * granulation((40, 44))).astype(dtype)
    image, _ = to_network(make_map("continuum", data=data), CARD, quiet_sun=100)
    assert image.dtype == np.float32
    assert image.dtype.isnative
    np.testing.assert_allclose(image, data.astype(float) / 100, rtol=1e-6)


def test_invalid_pixels_are_filled():
    smap = make_map("noLimbDark", (50, 60))
    data = smap.data.copy()
    data[10, 10], data[20:24, 30:33], data[0, 0] = np.nan, np.inf, 1e30
    mask = np.zeros(data.shape, dtype=bool)
    mask[0, 0] = True
    image, calibration = to_network(make_map("noLimbDark", data=data, mask=mask), CARD)
    assert calibration.bad.sum() == 1 + 12 + 1
    assert np.abs(image - 1).max() < 0.2
    np.testing.assert_array_equal(image[~calibration.bad], smap.data[~calibration.bad])


@pytest.mark.parametrize(
    ("given", "level"),
    [
        (4e4, 4e4),
        (np.float32(4e4), 4e4),
        (4e4 * u.DN / u.s, 4e4),
        (2.4e6 * u.DN / u.min, 4e4),
        (np.full((40, 44), 4e4), 4e4),
        (np.full((40, 44), 4e4) * u.DN / u.s, 4e4),
    ],
)
def test_given_level(given, level):
    smap = make_map("continuum", (40, 44), crval1=900.0)
    image, calibration = to_network(smap, CARD, quiet_sun=given)
    # A number is the level everywhere: no limb darkening.
    np.testing.assert_allclose(image, smap.data / level, rtol=1e-6)
    assert "given" in calibration.quiet_sun.source


def test_given_array_is_not_kept():
    level = np.full((40, 44), 4e4)
    _, calibration = to_network(make_map("continuum", (40, 44)), CARD, quiet_sun=level)
    level[:] = 1
    assert np.all(calibration.quiet_sun.rows(0, 40) == 4e4)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (0, ValueError, "not positive and finite"),
        (-1.0, ValueError, "not positive and finite"),
        (np.nan, ValueError, "not positive and finite"),
        (np.full((64, 64), np.inf), ValueError, "not positive and finite"),
        (np.ones((64, 63)), ValueError, r"shape \(64, 63\)"),
        (np.ones(3), ValueError, r"shape \(3,\)"),
        (3 * u.G, ValueError, "in G, the Map in DN / s"),
        ("bright", TypeError, "quiet_sun is a str"),
        ("55000", TypeError, "quiet_sun is a str"),
        (True, TypeError, "quiet_sun is a bool"),
        ([[1, 2], [3]], TypeError, "quiet_sun is a list"),
        (object(), TypeError, "quiet_sun is a object"),
    ],
)
def test_given_level_refused(given, error, message):
    with pytest.raises(error, match=message):
        to_network(make_map("continuum"), CARD, quiet_sun=given)


def test_level_of_a_map_without_unit():
    smap = make_map("continuum", bunit=None)
    with pytest.raises(ValueError, match="the Map has no unit"):
        to_network(smap, CARD, quiet_sun=3 * u.DN / u.s)
    _, calibration = to_network(smap, CARD, quiet_sun=3 * u.dimensionless_unscaled)
    assert calibration.quiet_sun.level == 3


def test_level_for_a_magnetogram():
    with pytest.raises(ValueError, match="quiet_sun is for continuum"):
        to_network(make_map("magnetogram"), MAGNETOGRAM, quiet_sun=1.0)


@pytest.mark.parametrize("card", [CARD, MAGNETOGRAM])
def test_nothing_on_the_disk(card):
    with pytest.raises(ValueError, match="no valid pixel on the solar disk"):
        to_network(make_map(card.observable, crval1=1200.0), card)
    with pytest.raises(ValueError, match="no valid pixel on the solar disk"):
        to_network(make_map(card.observable, mask=np.ones((64, 64), dtype=bool)), card)


def test_negative_continuum_has_no_level():
    with pytest.raises(ValueError, match="give it with quiet_sun="):
        to_network(make_map("continuum", data=np.full((40, 40), -3.0)), CARD)


def test_quiet_level_looks_at_a_grid_of_pixels_or_at_all_where_those_are_few(monkeypatch):
    monkeypatch.setattr(_quiet_sun_level, "SAMPLE", 256)
    data, mu = np.random.default_rng(0).normal(1, 0.1, (64, 64)), np.full((64, 64), 0.8)
    everywhere = np.ones((64, 64), bool)
    np.testing.assert_array_equal(_quiet_sun_level._sample(data, mu, everywhere, 4)[0], data[::4, ::4].ravel())
    somewhere = np.zeros((64, 64), bool)
    somewhere[1, 1:4] = True
    values, theirs = _quiet_sun_level._sample(data, mu, somewhere, 4)
    np.testing.assert_array_equal(values, data[1, 1:4])
    np.testing.assert_array_equal(theirs, [0.8] * 3)
