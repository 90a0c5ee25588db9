"""The reference that restores nothing."""

import numpy as np
from conftest import make_map

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
