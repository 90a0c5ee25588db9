import numpy as np
import pytest
from conftest import granulation, make_map, small_disk
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_enhance._geometry import Disk
from sunpy_enhance._quiet_sun import QuietSun, fit_quiet_sun, limb_darkening, quiet_level

# Neckel & Labs (1994), Sol. Phys. 153, 91, table 1: the measured polynomials on both sides of HMI's wavelength, in nm.
MEASURED = {
    610.975: (0.30854, 1.36620, -1.83572, 2.33221, -1.63082, 0.45959),
    640.970: (0.33644, 1.30590, -1.79238, 2.45040, -1.89979, 0.59943),
}


def test_limb_darkening():
    # By definition 1 at the centre of the disk; darker towards the limb; and as measured.
    assert limb_darkening(1.0) == pytest.approx(1, abs=1e-12)
    mu = np.linspace(0, 1, 101)
    assert np.all(np.diff(limb_darkening(mu)) > 0)
    shorter, longer = (np.polynomial.Polynomial(row)(mu) for row in MEASURED.values())
    weight = (617.33 - 610.975) / (640.970 - 610.975)
    expected = (1 - weight) * shorter + weight * longer
    # They were measured down to mu = 0.12; the formula of all wavelengths follows them to half a percent of I(1).
    np.testing.assert_allclose(limb_darkening(mu)[mu > 0.12], expected[mu > 0.12], atol=6e-3)


@given(st.floats(0.01, 1e6), st.integers(0, 1000))
@settings(max_examples=20)
def test_level_scales_with_the_frame(level, seed):
    values = granulation((60, 60), seed).ravel()
    assert quiet_level(level * values) == pytest.approx(level * quiet_level(values), rel=1e-6)
    assert quiet_level(values) == pytest.approx(1, abs=3e-3)


def test_level_of_a_constant():
    assert quiet_level(np.full(1000, 0.1)) == pytest.approx(0.1, rel=1e-15)


@pytest.mark.parametrize("spot", [0.2, 0.5, 0.7])
def test_spot_does_not_shift_the_level(spot):
    rng = np.random.default_rng(1)
    values = granulation((200, 200)).ravel()
    number = int(spot * values.size)
    umbra = rng.uniform(0.1, 0.3, number // 4)
    penumbra = rng.uniform(0.6, 0.9, number - len(umbra))
    before = quiet_level(values)
    values[:number] = np.concatenate([umbra, penumbra])
    assert abs(quiet_level(values) / before - 1) < 0.01
    # The plain median would not do: this is what is tested.
    assert spot < 0.5 or abs(np.median(values) / before - 1) > 0.04


def test_faculae_shift_the_level_little():
    values = granulation((200, 200)).ravel()
    before = quiet_level(values)
    values[:4000] *= 1.08
    assert abs(quiet_level(values) / before - 1) < 0.01


def test_one_pixel_does_not_matter():
    values = granulation((200, 200)).ravel()
    before = quiet_level(values)
    # A hot pixel, and the worst that there is: from one flank of the peak to the other.
    for old, new, limit in ((1.0, 11.0, 1e-6), (1.0, 1e9, 1e-6), (0.95, 11.0, 2e-6), (0.95, 1.05, 4e-6)):
        hot = values.copy()
        hot[np.argmin(np.abs(values - old))] = new
        assert abs(quiet_level(hot) / before - 1) < limit


@pytest.mark.parametrize("contrast", [0.038, 0.04])
def test_one_pixel_more_moves_the_level_by_little_over_their_number(contrast):
    values = 1 + contrast * np.random.default_rng(0).standard_normal(10_000)
    before = quiet_level(values)
    moved = [abs(quiet_level(np.append(values, value)) - before) for value in np.linspace(0.8, 1.2, 81)]
    assert 0.06 < max(moved) * 10_001 < 0.07


def disk_map(law, spots=(), **keywords):
    """Return values, mu and Disk of a whole disk with a limb-darkening law and granulation."""
    smap = make_map("continuum", (300, 300), **small_disk(), **keywords)
    disk = Disk.of(smap)
    mu = disk.mu()
    values = 5e4 * law(mu) * granulation(mu.shape, 3)
    for y, x, size in spots:
        values[y : y + size, x : x + size] *= 0.3
    on = mu > 0.1
    return values[on], mu[on], disk, mu


@pytest.mark.parametrize(
    "law",
    [
        limb_darkening,
        lambda mu: 1 - 0.5 * (1 - mu),  # not the published one
        lambda mu: limb_darkening(mu) * (1 + 0.1 * (1 - mu) ** 2),
    ],
)
def test_limb_darkening_is_fitted(law):
    values, mu, disk, whole = disk_map(law, spots=[(140, 150, 30), (60, 100, 20), (150, 30, 25)])
    surface = fit_quiet_sun(values, mu, disk)
    assert surface.source == "fitted"
    found = surface.rows(0, 300)
    error = found / (5e4 * law(whole)) - 1
    assert np.abs(error[whole > 0.15]).max() < 0.012
    # and goes on without a jump to the limb and beyond.
    assert np.all(np.isfinite(found))
    assert found.min() > 0


def test_ring_that_is_all_spot_is_left_out():
    _, mu, disk, whole = disk_map(limb_darkening)
    values = 5e4 * limb_darkening(mu) * np.where((mu > 0.6) & (mu < 0.7), 0.3, 1.0)
    surface = fit_quiet_sun(values, mu, disk)
    assert surface.source == "fitted"
    np.testing.assert_allclose(surface.rows(0, 300), 5e4 * limb_darkening(whole), rtol=1e-3)


@pytest.mark.parametrize("rings", [[(0.96, 1.0), (0.36, 0.39)], [(0.96, 1.0), (0.41, 0.44), (0.36, 0.39)]])
def test_a_few_patches_do_not_determine_the_shape(rings):
    """As a mask leaves them that has only what somebody is interested in."""
    values, mu, disk, whole = disk_map(limb_darkening)
    kept = sum((low < mu) & (mu < high) for low, high in rings) > 0
    surface = fit_quiet_sun(values[kept], mu[kept], disk)
    np.testing.assert_allclose(surface.rows(0, 300), 5e4 * limb_darkening(whole), rtol=5e-3)


def test_cutout_takes_the_published_shape():
    smap = make_map("continuum", (100, 100), crval1=600.0, crota2=0.0)
    disk = Disk.of(smap)
    mu = disk.mu()
    assert np.ptp(mu) < 0.5
    values = 4e4 * limb_darkening(mu) * granulation(mu.shape)
    surface = fit_quiet_sun(values.ravel(), mu.ravel(), disk)
    assert surface.source == "published shape"
    assert surface.level == pytest.approx(4e4, rel=3e-3)
    np.testing.assert_allclose(surface.rows(0, 100), surface.level * limb_darkening(mu), rtol=1e-5)


def test_surface_at_finer_sampling():
    disk = Disk.of(make_map("continuum", (50, 60), **small_disk(radius_px=100.0)))
    surface = QuietSun("test", 2.0, disk, (0.9, 0.1), 0.2)
    coarse, fine = surface.rows(10, 40), surface.rows(10, 40, 2)
    assert fine.shape == (60, 120)
    np.testing.assert_allclose(fine.reshape(30, 2, 60, 2).mean((1, 3)), coarse, rtol=1e-3)
    np.testing.assert_array_equal(surface.rows(10, 40, 2, slice(7, 31)), fine[:, 14:62])
    np.testing.assert_array_equal(surface.rows(10, 40, mu=disk.mu(10, 40).astype(np.float32)), coarse)
    array = QuietSun("test", 1.0, array=np.arange(50.0)[:, None] * np.arange(1, 61))
    np.testing.assert_array_equal(array.rows(10, 40, 2, slice(7, 31)), array.rows(10, 40, 2)[:, 14:62])
    np.testing.assert_array_equal(array.rows(10, 40, 1, slice(7, 31)), array.array[10:40, 7:31])
    np.testing.assert_array_equal(array.rows(10, 40), array.array[10:40])
    np.testing.assert_allclose(array.rows(10, 40, 2)[:, 0], np.arange(9.75, 39.5, 0.5), rtol=1e-6)
    assert QuietSun("test", 3.0).rows(0, 5, 2) == 3.0
