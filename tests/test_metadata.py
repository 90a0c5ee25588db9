import copy
import re

import numpy as np
import pytest
from conftest import make_map
from hypothesis import given, settings
from hypothesis import strategies as st

import astropy.units as u

import sunpy.map

from sunpy_enhance._metadata import enhanced_meta


def enhanced_header(smap, **keywords):
    return sunpy.map.Map(
        np.zeros([2 * length for length in smap.data.shape], np.float32), enhanced_meta(smap, 2, keywords, ["done"])
    )


angles = st.floats(-180, 180)
rotations = st.one_of(
    angles.map(lambda angle: {"crota2": angle}),
    angles.map(
        lambda angle: {
            "crota2": None,
            "pc1_1": np.cos(angle),
            "pc1_2": -np.sin(angle),
            "pc2_1": np.sin(angle),
            "pc2_2": np.cos(angle),
        }
    ),
    angles.map(
        lambda angle: {
            "crota2": None,
            "cdelt1": None,
            "cdelt2": None,
            "cd1_1": 0.504 * np.cos(angle),
            "cd1_2": -0.504 * np.sin(angle),
            "cd2_1": 0.504 * np.sin(angle),
            "cd2_2": 0.504 * np.cos(angle),
        }
    ),
    # CD together with CDELT, as some files have it
    st.just({"crota2": None, "cd1_1": 0.504, "cd1_2": 0.0, "cd2_1": 0.0, "cd2_2": 0.504}),
)


@settings(max_examples=25)
@given(
    rotation=rotations,
    crpix=st.tuples(st.floats(-3000, 3000), st.floats(-3000, 3000)),
    crval=st.tuples(st.floats(-900, 900), st.floats(-900, 900)),
    shape=st.tuples(st.integers(32, 50), st.integers(32, 50)),
)
def test_world_coordinates_of_all_pixels(rotation, crpix, crval, shape):
    smap = make_map("continuum", shape, crpix1=crpix[0], crpix2=crpix[1], crval1=crval[0], crval2=crval[1], **rotation)
    out = enhanced_header(smap)
    y, x = np.indices(out.data.shape)
    world = out.wcs.wcs_pix2world(x.ravel(), y.ravel(), 0)
    back = smap.wcs.wcs_world2pix(*world, 0)
    # Output pixel k covers half of input pixel k // 2: its centre is a quarter of a pixel off.
    np.testing.assert_allclose(back[0], (x.ravel() + 0.5) / 2 - 0.5, atol=1e-6)
    np.testing.assert_allclose(back[1], (y.ravel() + 0.5) / 2 - 0.5, atol=1e-6)


@pytest.mark.parametrize("shape", [(40, 40), (33, 47)])
def test_as_sunpy_resamples(shape):
    smap = make_map("continuum", shape, crota2=30.0, crpix1=100.25, crval2=50.0)
    out = enhanced_header(smap)
    oracle = smap.resample((2 * shape[1], 2 * shape[0]) * u.pix)
    for name in ("scale", "reference_pixel", "dimensions"):
        assert getattr(out, name) == getattr(oracle, name)
    np.testing.assert_array_equal(out.rotation_matrix, oracle.rotation_matrix)
    assert out.wcs.wcs.compare(oracle.wcs.wcs, tolerance=1e-12)


def test_observer_dates_and_unit_are_kept():
    smap = make_map("magnetogram", bunit="Mx/cm^2")
    out = enhanced_header(smap)
    assert out.observer_coordinate.separation_3d(smap.observer_coordinate) == 0
    assert (out.date, out.reference_date, out.unit) == (smap.date, smap.reference_date, smap.unit)
    assert out.meta["bunit"] == "Mx/cm^2"
    assert (out.rsun_obs, out.meta["rsun_ref"]) == (smap.rsun_obs, 696000000)


STALE = [
    *(f"data{name}" for name in ("min", "max", "mean", "medn", "rms", "skew", "kurt", "vals", "sum")),
    *(f"data{name}2" for name in ("min", "max", "mea", "med", "rms", "ske", "kur")),
    *("totvals", "missvals", "satvals", "imcrpix1", "imcrpix2", "x0", "y0", "blank", "bscale", "bzero", "checksum"),
    *("xtension", "pcount", "gcount", "zimage", "zcmptype", "zbitpix", "znaxis", "znaxis1", "ztile1", "zname1"),
    *("zval1", "zblank", "zscale", "_datamin", "_datamax", "headsum"),
]


def test_stale_keywords_are_gone():
    smap = make_map("continuum", **dict.fromkeys(STALE, 5))
    assert all(key in smap.meta for key in STALE)
    out = enhanced_header(smap)
    assert [key for key in STALE if key in out.meta] == []
    assert out.meta["r_sun"] == 2 * smap.meta["r_sun"]
    assert (out.meta["bitpix"], out.meta["naxis1"], out.meta["naxis2"]) == (-32, 128, 128)
    # Similar names that say something else stay.
    kept = enhanced_header(make_map("continuum", datasign=1, datavers=2, zz=3, blankets=4))
    assert [kept.meta[key] for key in ("datasign", "datavers", "zz", "blankets")] == [1, 2, 3, 4]


def test_alternate_world_coordinates_are_halved_too():
    out = enhanced_header(make_map("continuum", crpix1a=10.0, cdelt1a=4.0, cd1_1a=6.0, crval1a=7.0))
    assert [out.meta[key] for key in ("crpix1a", "cdelt1a", "cd1_1a", "crval1a")] == [19.5, 2.0, 3.0, 7.0]


def test_history_is_wrapped_and_appended():
    smap = make_map("continuum", history="first\nsecond with a\ttab and ümlaut")
    meta = enhanced_meta(smap, 2, {"enhmodel": "tiny"}, ["word " * 40, "x" * 64])
    lines = meta["history"].split("\n")
    assert lines[:2] == ["first", "second with a tab and ?mlaut"]
    assert len(lines) == 2 + 3 + 1
    assert all(len(line) <= 72 and re.fullmatch("[ -~]*", line) for line in lines)
    assert meta["enhmodel"] == "tiny"


def test_oddities_survive_saving_without_a_warning(tmp_path):
    # Warnings are errors in this suite.
    smap = make_map(
        "continuum",
        crder1="nan",
        notanum=float("nan"),
        infinite=float("inf"),
        nothing="",
        flag=True,
        number=np.float32(1.5),
        ident="$Id: sharp.c,v 1.19 2013/11/13 05:09:30 xudong Exp $ $Id: sw_functions and more that is long",
        toolongforfits="x",
        nonascii="ä",
        comment="a\nb",
        history="",
        keycomments={"CRPIX1": "reference pixel", "DATAMIN": "stale"},
    )
    out = enhanced_header(smap)
    out.save(tmp_path / "out.fits")
    back = sunpy.map.Map(tmp_path / "out.fits")
    assert type(back) is type(smap)
    assert back.meta["crder1"] == "nan"
    assert back.meta["flag"] is True
    assert back.meta["keycomments"]["CRPIX1"] == "reference pixel"
    assert back.meta["history"].strip() == "done"
    assert back.wcs.wcs.compare(out.wcs.wcs, tolerance=1e-12)
    assert not {"notanum", "infinite", "nonascii"} & set(back.meta)


def test_input_header_is_untouched():
    smap = make_map("continuum", datamin=1.0, history="before", keycomments={"DATAMIN": "lowest"})
    before = copy.deepcopy(dict(smap.meta))
    meta = enhanced_meta(smap, 2, {"enhmodel": "tiny"}, ["done"])
    meta["keycomments"]["X"] = "changed"
    assert dict(smap.meta) == before
