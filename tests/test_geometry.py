import numpy as np
import pytest
from conftest import make_map, small_disk
from hypothesis import given, settings
from hypothesis import strategies as st

import astropy.units as u

from sunpy.map import all_coordinates_from_map

from sunpy_enhance._geometry import Disk


def sunpy_mu(smap):
    """Mu through sunpy's coordinates: cosine theorem for the observer, the point and the Sun's centre."""
    distance = all_coordinates_from_map(smap).make_3d().distance.to_value(u.m)
    radius, observer = smap.rsun_meters.to_value(u.m), smap.dsun.to_value(u.m)
    return (observer**2 - radius**2 - distance**2) / (2 * radius * distance)


@pytest.mark.filterwarnings("ignore:.*is all NaNs")  # sunpy's, where the image misses the disk
@settings(max_examples=15)
@given(
    crota=st.floats(-360, 360),
    crval=st.tuples(st.floats(-1500, 1500), st.floats(-1500, 1500)),
    offset=st.tuples(st.floats(-40, 40), st.floats(-40, 40)),
    shape=st.tuples(st.integers(32, 40), st.integers(32, 40)),
)
def test_mu_is_sunpys(crota, crval, offset, shape):
    # The reference point is anywhere, the image near the limb on the other side of it.
    crpix = {f"crpix{i + 1}": shape[1 - i] / 2 + offset[i] + crval[i] / 0.504 * 0.6 for i in range(2)}
    keywords = small_disk(radius_px=1000.0)
    smap = make_map("continuum", shape, crota2=crota, crval1=crval[0], crval2=crval[1], **crpix, **keywords)
    mu = Disk.of(smap).mu()
    expected = sunpy_mu(smap)
    on = np.isfinite(expected)
    # In mu^2: at the very limb, rounding is amplified without bound in mu itself.
    assert np.abs(mu[on] ** 2 - expected[on] ** 2).max(initial=0) < 1e-8
    assert np.all(mu[~on] ** 2 < 1e-8)


def test_whole_disk_against_sunpy():
    smap = make_map("continuum", (90, 101), crota2=12.0, **small_disk(radius_px=40.0))
    mu, expected = Disk.of(smap).mu(), sunpy_mu(smap)
    assert np.array_equal(mu > 0, np.isfinite(expected))
    assert 0.3 < np.mean(mu > 0) < 0.7
    np.testing.assert_allclose(mu[mu > 0.05], expected[mu > 0.05], rtol=1e-5)


def test_radius_from_reference_radius():
    with_radius = Disk.of(make_map("continuum"))
    for absent in (None, "nan", float("nan")):
        without = Disk.of(make_map("continuum", rsun_obs=absent))
        assert without.sin_rsun == pytest.approx(with_radius.sin_rsun, rel=1e-6)


def test_bands_and_finer_sampling():
    disk = Disk.of(make_map("continuum", (67, 70), **small_disk(radius_px=50.0)))
    whole = disk.mu()
    np.testing.assert_array_equal(np.vstack([disk.mu(0, 20), disk.mu(20, 67)]), whole)
    fine = disk.mu(scale=2)
    assert fine.shape == (134, 140)
    # The four around a pixel's centre average to it, where mu has no kink.
    mean = fine.reshape(67, 2, 70, 2).mean((1, 3))
    inner = whole > 0.5
    assert np.abs(mean - whole)[inner].max() < 2e-3
    np.testing.assert_array_equal(disk.mu(20, 67, 2), fine[40:])
    np.testing.assert_array_equal(disk.mu(20, 67, 2, slice(11, 80)), fine[40:, 22:])


def test_behind_the_observer_is_off_the_disk():
    # A reference point far from the Sun: the image's other hemisphere has to stay empty.
    smap = make_map("continuum", crval1=170 * 3600.0)
    assert not Disk.of(smap).mu().any()
