import warnings

import numpy as np
import pytest
from conftest import hmi_header, make_map

import astropy.units as u

import sunpy.map

from sunpy_enhance import enhance_map, richardson_lucy
from sunpy_enhance._hmi import check_plate_scale, observable, with_unit
from sunpy_enhance.optics import redegrade
from sunpy_enhance.validation import check


@pytest.mark.parametrize(
    ("kind", "keywords", "expected"),
    [
        ("continuum", {}, "continuum"),
        ("noLimbDark", {}, "continuum"),
        ("continuum", {"bunit": None}, "continuum"),
        ("continuum", {"bunit": "ct/s"}, "continuum"),
        ("continuum", {"content": "HMI observable"}, "continuum"),
        ("noLimbDark", {"content": "Ic_noLimbDark"}, "continuum"),
        ("magnetogram", {}, "magnetogram"),
        ("magnetogram", {"bunit": "Mx/cm^2"}, "magnetogram"),
        ("magnetogram", {"bunit": "kG"}, "magnetogram"),
        ("magnetogram", {"bunit": "T"}, "magnetogram"),
        ("magnetogram", {"content": "HMI observable"}, "magnetogram"),
        ("magnetogram", {"content": "LOS MAGNETIC FIELD"}, "magnetogram"),
        ("magnetogram", {"content": "LINE-OF-SIGHT MAGNETOGRAM, full field of view"}, "magnetogram"),
        ("continuum", {"crota2": None, "cdelt1": None, "cdelt2": None, "cd1_1": 0.504, "cd1_2": 0.0, "cd2_1": 0.0,
                       "cd2_2": 0.504}, "continuum"),
        ("continuum", {"hgln_obs": 0.0, "hglt_obs": -6.8, "crln_obs": None}, "continuum"),
        ("continuum", {"rsun_obs": None}, "continuum"),
        ("continuum", {"crpix1": np.float32(32.5), "crval1": np.int64(0)}, "continuum"),
        ("continuum", {"instrume": "HMI_COMBINED"}, "continuum"),
        ("continuum", {"history": "sunpy_enhance was not used; flat field of 2011"}, "continuum"),
    ],
)  # fmt: skip
def test_observable(kind, keywords, expected):
    assert observable(make_map(kind, **keywords)) == expected


@pytest.mark.parametrize(
    ("kind", "keywords", "message"),
    [
        ("continuum", {"instrume": "AIA_1"}, "only SDO/HMI"),
        ("continuum", {"enhmodel": "continuum"}, "enhanced already"),
        ("continuum", {"content": "DOPPLERGRAM", "bunit": "m/s"}, "Dopplergram"),
        ("continuum", {"content": "HMI observable", "bunit": "cm/s"}, "Dopplergram"),
        ("magnetogram", {"content": "FIELD"}, "component of the vector field"),
        ("magnetogram", {"content": "HMI observable", "filename": "hmi.b_720s.20110215.field.fits"}, "vector field"),
        ("magnetogram", {"content": "HMI observable", "drms_id": "hmi.sharp_720s:1:field"}, "vector field"),
        ("magnetogram", {"content": "HMI observable", "drms_id": "hmi.sharp_720s:1:Bp"}, "vector field"),
        ("continuum", {"content": "HMI observable", "drms_id": "hmi.sharp_720s:1:src_grad"}, "segment 'src_grad'"),
        ("continuum", {"drms_id": "hmi.Ic_720s_dconS:1:continuum"}, "deconvolved already"),
        ("magnetogram", {"content": "INCLINATION", "bunit": "deg"}, "vector field"),
        ("magnetogram", {"content": "HMI observable", "bunit": "degree"}, "vector field"),
        ("magnetogram", {"content": "AZIMUTH", "bunit": "deg"}, "vector field"),
        *[("magnetogram", {"content": name, "bunit": "Mx/cm^2"}, "vector field") for name in ("Br", "Bp", "Bt")],
        ("magnetogram", {"content": "VECTOR MAGNETOGRAM"}, "vector field"),
        ("continuum", {"content": "LINE DEPTH"}, "neither continuum nor a magnetogram"),
        ("continuum", {"content": "", "bunit": None}, "neither continuum nor a magnetogram"),
        ("continuum", {"bunit": "Gauss"}, "continuum's unit is G"),
        ("magnetogram", {"bunit": "DN/s"}, "magnetogram's unit is DN"),
        ("magnetogram", {"bunit": None}, "magnetogram's unit is None"),
        ("continuum", {"history": "made from hmi.lev1_dcon"}, "deconvolved already"),
        ("continuum", {"source": "hmi.lev1_dcon[:#1234]"}, "deconvolved already"),
        ("magnetogram", {"series": "hmi.M_720s_dconS"}, "deconvolved already"),
        ("magnetogram", {"filename": "hmi.M_720s_dcon.fits"}, "deconvolved already"),
        ("continuum", {"comment": "Continuum, scattered light corrected."}, "deconvolved already"),
        ("continuum", {"ctype1": "CRLN-CEA", "ctype2": "CRLT-CEA"}, "projection is CRLN-CEA"),
        ("continuum", {"ctype1": "HPLN-ARC", "ctype2": "HPLT-ARC"}, "projection is HPLN-ARC"),
        ("continuum", {"lonpole": 90.0}, "LONPOLE"),
        ("continuum", {"pv2_1": 0.1}, "LONPOLE or PVi_m"),
        ("continuum", {"content": "Carrington synoptic chart of continuum"}, "synoptic chart"),
    ],
)
def test_refused(kind, keywords, message):
    with pytest.raises(ValueError, match=message):
        observable(make_map(kind, **keywords))


def test_field_strength_without_a_name():
    # SHARPs say "HMI observable" for every segment.
    field = np.abs(np.random.default_rng(0).normal(0, 100, (40, 40)))
    with pytest.raises(ValueError, match="no negative value"):
        observable(make_map("magnetogram", data=field, content="HMI observable"))
    named = {"content": "HMI observable", "drms_id": "hmi.sharp_720s:9170526:magnetogram"}
    assert observable(make_map("magnetogram", data=field, **named)) == "magnetogram"


def test_a_reprojected_map_is_enhanced_as_its_refusal_says():
    other, native = (make_map("continuum", (96, 96), cdelt1=n, cdelt2=n, crota2=0.0) for n in (0.6, 0.504))
    with pytest.raises(ValueError, match="reproject_to one of 0.504 arcsec and give the result INSTRUME, .* original"):
        enhance_map(other)
    regridded = other.reproject_to(native.wcs)
    kept = {key: other.meta[key] for key in ("instrume", "telescop", "content", "bunit")}
    enhanced = enhance_map(sunpy.map.Map(regridded.data, {**regridded.meta, **kept}), model="continuum-linear")
    assert enhanced.data.shape == (192, 192)


@pytest.mark.parametrize(
    ("absent", "named"),
    [
        (["crpix1"], "lacks CRPIX1:"),
        (["crval2"], "lacks CRVAL2:"),
        (["cdelt1", "cdelt2"], "lacks CDELT1, CDELT2:"),
        (["cdelt2"], "lacks CDELT2:"),
        (["crln_obs"], "lacks HGLN_OBS and HGLT_OBS or CRLN_OBS:"),
        (["dsun_obs"], "lacks DSUN_OBS:"),
        (["crln_obs", "crlt_obs", "dsun_obs"], "lacks HGLN_OBS and HGLT_OBS or CRLN_OBS and CRLT_OBS, DSUN_OBS:"),
        (["rsun_obs", "rsun_ref"], "lacks RSUN_OBS or RSUN_REF:"),
        (["date-obs", "t_obs"], "lacks DATE-OBS or T_OBS:"),
    ],
)
def test_incomplete_header_is_named(absent, named):
    with pytest.raises(ValueError, match=named):
        observable(make_map("continuum", **dict.fromkeys(absent)))


@pytest.mark.parametrize("keywords", [{"rsun_obs": 0.0}, {"rsun_obs": -1}, {"dsun_obs": 0}])
def test_a_sun_of_no_size_is_told(keywords):
    (key,) = keywords
    with pytest.raises(ValueError, match=f"lacks a positive {key.upper()}"):
        observable(make_map("continuum", **keywords))


@pytest.mark.parametrize("name", ["hmi.M_720s[2011.02.15_00:00:00_TAI]", "hmi.m_720s:123", "hmi.m_720s", 5])
def test_not_every_drms_id_names_a_segment(name):
    assert observable(make_map("magnetogram", content="HMI observable", drms_id=name)) == "magnetogram"


@pytest.mark.parametrize("unit", ["none", "n/a", 5, ""])
def test_another_name_of_no_unit(unit):
    smap = make_map("noLimbDark", bunit=None)
    smap.meta["_bunit"] = unit
    assert with_unit(smap) is smap


def test_an_angle_beside_a_matrix_does_not_matter():
    turn = {"pc1_1": 1.0, "pc1_2": 0.0, "pc2_1": 0.0, "pc2_2": 1.0}
    assert observable(make_map("continuum", crota2="180", **turn)) == "continuum"


def test_jsoc_has_another_name_of_the_unit():
    smap = make_map("magnetogram", content="HMI observable", bunit=None, drms_id="hmi.sharp_720s:1:magnetogram")
    smap.meta["_bunit"] = "Mx/cm^2"
    before = dict(smap.meta)
    enhanced = enhance_map(smap)
    assert enhanced.unit == u.G
    assert "_bunit" not in enhanced.meta
    assert dict(smap.meta) == before
    expected = make_map("magnetogram")
    np.testing.assert_array_equal(enhanced.data, enhance_map(expected).data)
    assert check(enhanced, smap).chi_square == check(enhance_map(expected), expected).chi_square


@pytest.mark.parametrize("kind", ["pc", "cd"])
def test_the_scale_may_be_in_the_matrix(kind):
    """CDELT is then 1; all that follows from the size of the pixels has to be the same."""
    plain = make_map("magnetogram", (100, 100), crota2=30.0)
    meta = dict(plain.meta)
    angle = np.deg2rad(meta.pop("crota2"))
    turn = 0.504 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    meta |= {f"{kind}{i + 1}_{j + 1}": turn[i, j] for i in (0, 1) for j in (0, 1)} | {"cdelt1": 1.0, "cdelt2": 1.0}
    other = sunpy.map.Map(plain.data, meta)
    results = []
    for smap in (plain, other):
        enhanced = enhance_map(smap)
        found = check(enhanced, smap)
        figures = [found.chi_square, found.levels["net_flux"]["after"], found.used.sum()]
        results.append([redegrade(enhanced).data, richardson_lucy(smap, iterations=2).data, figures])
    for one, two in zip(*results, strict=True):
        np.testing.assert_allclose(two, one, rtol=1e-4, atol=1e-2)


def test_missing_projection_and_nan_keyword():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sunpy's, of the missing CTYPE
        smap = make_map("continuum", ctype1=None, ctype2=None)
    with pytest.raises(ValueError, match="lacks CTYPE1, CTYPE2:"):
        observable(smap)
    with pytest.raises(ValueError, match="lacks CRPIX2:"):
        observable(make_map("continuum", crpix2=np.nan))


def test_not_a_map():
    smap = make_map("continuum")
    for thing in (smap.data, "hmi.fits", None, [smap], sunpy.map.Map(smap, smap, sequence=True)):
        with pytest.raises(TypeError, match="expected a sunpy Map"):
            observable(thing)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (np.ones((31, 64)), ValueError, "31 x 64 pixels, at least 32 x 32"),
        (np.ones((0, 64)), ValueError, "0 x 64 pixels"),
        (np.full((40, 40), np.nan), ValueError, "no finite pixel"),
        (np.ones((40, 40), dtype=complex), TypeError, "complex128"),
        (np.ones((40, 40), dtype=bool), TypeError, "bool"),
    ],
)
def test_data_refused(data, error, message):
    with pytest.raises(error, match=message):
        observable(make_map("continuum", data=data))


def test_cube_refused():
    smap = make_map("continuum")
    smap._data = np.ones((2, 40, 40))  # sunpy itself cuts cubes down, with a warning
    with pytest.raises(ValueError, match="3 dimensions"):
        observable(smap)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"cdelt1": 0.6, "cdelt2": 0.6}, r"0.6000 x 0.6000 arcsec, .*0.504.*reproject_to"),
        ({"cdelt1": 1.008, "cdelt2": 1.008}, r"1.0080 x 1.0080 arcsec"),
        ({"cdelt2": 0.6, "crota2": 0.0}, r"0.5040 x 0.6000 arcsec"),
        ({"crota2": None, "pc1_1": 1.0, "pc1_2": 0.1, "pc2_1": 0.0, "pc2_2": 1.0}, "skewed"),
    ],
)
def test_plate_scale_refused(keywords, message):
    with pytest.raises(ValueError, match=message):
        check_plate_scale(make_map("continuum", **keywords), 0.504, 0.01)


@pytest.mark.parametrize(
    "keywords",
    [
        {"cdelt1": 0.5043, "cdelt2": 0.5043},
        {"cdelt1": 0.504 / 3600, "cdelt2": 0.504 / 3600, "cunit1": "deg", "cunit2": "deg"},
        {"crota2": 33.0},
        {"crota2": None, "pc1_1": 0.0, "pc1_2": -1.0, "pc2_1": 1.0, "pc2_2": 0.0},
    ],
)
def test_plate_scale_accepted(keywords):
    check_plate_scale(make_map("continuum", **keywords), 0.504, 0.01)


def test_header_fixture_is_complete():
    # The refusals above show something only if the header itself is accepted.
    smap = sunpy.map.Map(np.ones((40, 40)), hmi_header("continuum", (40, 40)))
    assert observable(smap) == "continuum"
    assert smap.rsun_obs == 971.671936 * u.arcsec
