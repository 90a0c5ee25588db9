"""What is flagged, and what is told of it."""

import warnings

import numpy as np
import pytest
from conftest import make_map, small_disk, write_network

from sunpy.util.exceptions import SunpyUserWarning

from sunpy_enhance import enhance_map
from sunpy_enhance._geometry import Disk


@pytest.fixture(scope="module")
def ranged(tmp_path_factory):
    """A network that was trained on intensities between 0.5 and 1.5."""
    return write_network(tmp_path_factory.mktemp("ranged") / "a.onnx", input_range=(0.5, 1.5))


def blocks(footprint):
    return footprint.repeat(2, axis=0).repeat(2, axis=1)


def test_values_outside_the_training_are_flagged_and_told(ranged):
    smap = make_map("continuum", (50, 40))
    data = smap.data / np.median(smap.data)
    data[10, 12], data[30:32, 5] = 1.6, 0.4
    outside = (data < 0.5) | (data > 1.5)
    expected = r"disk in this Map: 0.15% outside .*, 0.5 to 1.5 of the quiet Sun"
    with pytest.warns(SunpyUserWarning, match=expected) as told:
        out = enhance_map(make_map("continuum", data=data), model=ranged, quiet_sun=1.0)
    np.testing.assert_array_equal(out.mask, blocks(outside))
    assert np.isfinite(out.data).all()
    assert told[0].filename == __file__
    assert len(told) == 1


def test_nothing_is_told_where_nothing_is_flagged(ranged):
    assert enhance_map(make_map("continuum"), model=ranged).mask is None


def test_missing_pixels_are_told(ranged):
    data = make_map("continuum").data.copy()
    data[20, 20] = np.nan
    with pytest.warns(SunpyUserWarning, match="0.61% missing, or seen by the network beside a missing pixel"):
        out = enhance_map(make_map("continuum", data=data), model=ranged)
    assert out.mask.mean() == pytest.approx(25 / 64**2)


def test_a_full_disk_is_no_surprise_but_a_map_of_the_limb_is(networks):
    smap = make_map("continuum", (300, 300), **small_disk())
    mu = Disk.of(smap).mu()
    data = smap.data.copy()
    data[mu == 0] = np.nan
    full = make_map("continuum", data=data, **small_disk())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = enhance_map(full, model=networks["continuum"], quiet_sun=5e4)
    disk = blocks(mu > 0)
    assert out.mask[disk].mean() == pytest.approx(0.2**2, abs=0.005)  # the part beyond mu = 0.2
    limb = make_map("continuum", (64, 64), crval1=950.0, crota2=0.0)
    with pytest.warns(SunpyUserWarning, match=r"\d% beyond mu = 0.2, the smallest that was validated"):
        enhance_map(limb, model=networks["continuum"], quiet_sun=5e4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        enhance_map(limb, model=networks["continuum"], quiet_sun=5e4, limb="enhance")  # it was asked for


def test_a_map_of_which_nothing_is_enhanced_is_told(tmp_path):
    """As by a network that was better than bicubic interpolation nowhere."""
    model = write_network(tmp_path / "a.onnx", mu_validated=1.0)
    with pytest.warns(SunpyUserWarning, match="100.00% beyond mu = 1, the smallest that was validated"):
        out = enhance_map(make_map("continuum"), model=model)
    assert out.mask.all()


def test_what_is_missing_at_the_limb_is_told_where_the_limb_is_enhanced(networks):
    limb = make_map("continuum", (64, 64), crval1=950.0, crota2=0.0)
    mu = Disk.of(limb).mu()
    data = limb.data.copy()
    data[mu < 0.15] = np.nan
    limb = make_map("continuum", data=data, crval1=950.0, crota2=0.0)
    with pytest.warns(SunpyUserWarning, match=r"% missing, or seen by the network beside a missing pixel"):
        out = enhance_map(limb, model=networks["continuum"], quiet_sun=5e4, limb="enhance")
    assert out.mask[blocks((mu > 0) & (mu < 0.15))].all()
