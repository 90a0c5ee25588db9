"""The reference that restores nothing."""

import numpy as np
import pytest
from conftest import make_map

import sunpy.map

from sunpy_enhance import richardson_lucy
from sunpy_enhance.validation import bicubic


def test_bicubic_keeps_a_slope_the_header_and_the_gaps():
    rows, columns = np.indices((40, 50), dtype=np.float32)
    data = 3 * rows + columns
    data[10, 20] = np.nan
    smap = make_map("magnetogram", data=data - 60)
    result = bicubic(smap)
    assert result.data.dtype == np.float32
    assert result.meta["crpix1"] == 2 * smap.meta["crpix1"] - 0.5
    assert result.meta["enhmodel"] == "bicubic"
    gone = np.zeros((80, 100), bool)
    gone[20:22, 40:42] = True
    assert np.array_equal(np.isnan(result.data), gone)
    fine = 3 * ((np.arange(80)[:, None] - 0.5) / 2) + (np.arange(100) - 0.5) / 2 - 60
    np.testing.assert_allclose(result.data[40:70, 10:90], fine[40:70, 10:90], atol=1e-3)
    assert np.array_equal(result.mask, gone)


def test_a_masked_pixel_is_filled_and_stays_masked():
    rows = np.indices((40, 50), dtype=np.float32)[0]
    mask = np.zeros((40, 50), bool)
    mask[20, 30] = True
    data = 100 + rows
    data[mask] = 9000
    result = bicubic(make_map("continuum", data=data, mask=mask))
    assert np.array_equal(result.mask, mask.repeat(2, axis=0).repeat(2, axis=1))
    assert np.abs(result.data - (100 + (np.arange(80)[:, None] - 0.5) / 2)).max() < 2
    assert bicubic(make_map("continuum", data=100 + rows)).mask is None


@pytest.mark.parametrize("method", [bicubic, richardson_lucy])
def test_what_has_no_pixel_to_go_by_is_refused(method):
    data = np.full((40, 40), 5e4, np.float32)
    with pytest.raises(ValueError, match="no valid pixel"):
        method(make_map("continuum", data=data, mask=np.ones_like(data, bool)))
    with pytest.raises(ValueError, match="no finite pixel"):
        method(make_map("continuum", data=np.full_like(data, np.nan)))


@pytest.mark.parametrize("method", [bicubic, richardson_lucy])
@pytest.mark.parametrize("keywords", [{"cdelt2": 0.6, "crota2": 0.0}, {"cdelt1": 1.008, "cdelt2": 1.008}])
def test_other_pixels_than_those_of_hmi_are_refused(method, keywords):
    with pytest.raises(ValueError, match="expected 0.504 arcsec within 1.0%"):
        method(make_map("continuum", **keywords))


@pytest.mark.parametrize("method", [bicubic, lambda smap: richardson_lucy(smap, iterations=2)])
def test_dask_gives_the_same(method):
    dask = pytest.importorskip("dask.array")
    data = make_map().data.copy()
    data[10, 10] = np.nan
    smap = make_map(data=data)
    lazy = sunpy.map.Map(dask.from_array(data, chunks=20), smap.meta)
    np.testing.assert_array_equal(method(lazy).data, method(smap).data)
