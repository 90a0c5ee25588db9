"""The synthetic Sun has what it promises; its statistics are tested in test_synthetic_statistics.py."""

import functools

import numpy as np
import pytest
from scipy import ndimage

from sunpy_enhance.training._flux_tubes import internetwork
from sunpy_enhance.training._granulation import lowpass
from sunpy_enhance.training._penumbra import threads
from sunpy_enhance.training._spots import light_bridge
from sunpy_enhance.training.synthetic import KINDS, synthetic_sun

PLATE_SCALE = 0.0662
SHAPE = (512, 512)
SPOTS = ("spot", "bipole", "delta")
SEEDS_OF_SINGLE_SPOTS = (0, 3, 4, 7)


@functools.cache
def scene(kind, seed=0, mu=1.0):
    return synthetic_sun(kind, SHAPE, seed=seed, mu=mu)


@pytest.mark.parametrize("kind", KINDS)
def test_is_a_finite_pair(kind):
    result = scene(kind)
    for image in (result.continuum, result.field):
        assert image.shape == SHAPE
        assert image.dtype == np.float32
        assert np.isfinite(image).all()
    assert (result.kind, result.plate_scale) == (kind, PLATE_SCALE)
    assert result.continuum.min() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_seed_decides(kind):
    first, again, other = (synthetic_sun(kind, (128, 160), seed=s) for s in (5, 5, 6))
    np.testing.assert_array_equal(first.continuum, again.continuum)
    np.testing.assert_array_equal(first.field, again.field)
    assert not np.array_equal(first.continuum, other.continuum)
    assert first.field.shape == (128, 160)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axis", [0, 1])
def test_is_periodic(kind, axis):
    result = synthetic_sun(kind, (251, 254), seed=2)
    for image in (result.continuum, result.field):
        steps = np.sqrt(np.mean(np.diff(image, axis=axis, append=image.take([0], axis)) ** 2, axis=1 - axis))
        assert steps[-1] < 1.5 * np.percentile(steps[:-1], 95)


def test_quiet_has_no_net_field_but_kilogauss_in_the_network():
    field = scene("quiet").field.astype(float)
    assert abs(field.mean()) < 0.01 * np.abs(field).mean()
    assert 15 < np.abs(field).mean() < 60
    assert np.abs(scene("network").field).max() > 900


def test_plage_is_kilogauss_of_one_polarity_in_part_of_the_area():
    field = scene("plage").field
    strong = np.abs(field) > 500
    assert 0.04 < strong.mean() < 0.3
    assert np.percentile(np.abs(field), 99) > 1000
    assert abs(np.sign(field[strong]).mean()) > 0.85


def test_mixed_plage_has_opposite_polarities_within_a_few_arcsec():
    field = scene("mixed").field
    positive, negative = field > 500, field < -500
    near = ndimage.distance_transform_edt(~negative)[positive] * PLATE_SCALE
    assert 0.2 < positive.sum() / (positive.sum() + negative.sum()) < 0.8
    assert np.median(near) < 5


def test_small_tubes_are_bright_and_large_ones_dark():
    result = synthetic_sun("plage", (1024, 1024), seed=0)
    strong = np.abs(result.field) > 700
    wide = lowpass(strong.astype(np.float32), (PLATE_SCALE,) * 2, 0.35)
    lanes = result.continuum[~strong & (lowpass(result.continuum, (PLATE_SCALE,) * 2, 0.1) < 0.85)]
    assert result.continuum[strong & (wide < 0.3)].mean() > 1.1 > lanes.mean()
    assert result.continuum[strong & (wide > 0.85)].mean() < 0.7


@pytest.mark.parametrize(("kind", "dark", "gauss"), [("pores", 0.5, 1300), *((k, 0.3, 1600) for k in SPOTS)])
def test_dark_is_strong(kind, dark, gauss):
    result = scene(kind)
    umbra = result.continuum < dark
    assert umbra.mean() > 0.002
    assert np.median(np.abs(result.field[umbra])) > gauss
    assert np.abs(result.field).max() < 4000


@pytest.mark.parametrize("kind", ["bipole", "delta"])
def test_two_spots_are_of_opposite_polarity(kind):
    result = scene(kind)
    umbra = result.field[lowpass(result.continuum, (PLATE_SCALE,) * 2, 0.5) < 0.35]
    assert 0.05 < np.mean(umbra > 0) < 0.95


def test_delta_spot_has_no_quiet_sun_between_its_umbrae():
    result = synthetic_sun("delta", (768, 768), seed=0)
    smooth = lowpass(result.continuum, (PLATE_SCALE,) * 2, 0.8)
    spot, _ = ndimage.label(smooth < 0.9)
    umbrae = spot[(smooth < 0.35) & (result.field > 0)], spot[(smooth < 0.35) & (result.field < 0)]
    assert np.bincount(umbrae[0]).argmax() == np.bincount(umbrae[1]).argmax()


def test_penumbra_is_uncombed():
    """In the penumbra bright is inclined: the vertical field is weaker there."""
    result = synthetic_sun("spot", (768, 768), seed=0)
    size = (PLATE_SCALE,) * 2
    smooth = lowpass(result.continuum, size, 1.0)
    penumbra = (smooth > 0.6) & (smooth < 0.85)
    fine = [i - lowpass(i, size, 1.0) for i in (result.continuum, np.abs(result.field))]
    assert np.corrcoef(*(i[penumbra] for i in fine))[0, 1] < -0.2


def test_threads_follow_the_field():
    shape, pixel = (128, 128), np.array([PLATE_SCALE, PLATE_SCALE])
    along_x = (np.zeros(shape, np.float32), np.ones(shape, np.float32))
    image = threads(np.random.default_rng(0), along_x, pixel)
    across, along = (np.mean(np.diff(image, axis=a) ** 2) for a in (0, 1))
    assert across > 10 * along


def test_light_bridge_is_narrow():
    bridge = light_bridge(np.random.default_rng(0), SHAPE, (PLATE_SCALE, PLATE_SCALE), 12.0)
    inside = ndimage.distance_transform_edt(bridge > 0.5) * PLATE_SCALE
    assert (bridge > 0.5).any()
    assert np.percentile(inside[inside > 0], 90) < 1


@pytest.mark.parametrize("seed", SEEDS_OF_SINGLE_SPOTS)
def test_limb_side_penumbra_has_the_opposite_sign(seed):
    """Near the limb (+x), field lines that leave a positive spot towards it point away from the observer."""
    mu, middle = 0.4, SHAPE[0] // 2
    result = synthetic_sun("spot", SHAPE, seed=seed, mu=mu)
    field = lowpass(result.field, (PLATE_SCALE, PLATE_SCALE), 0.5)
    rows = field[middle - 15 : middle + 15] * np.sign(field[middle, middle])
    reach = int(8 * mu / PLATE_SCALE)
    limb, centre = rows[:, middle : middle + reach].mean(axis=0), rows[:, middle - reach : middle].mean(axis=0)
    assert limb.min() < -200
    assert centre.min() > -50
    assert centre.mean() > limb.mean() + 400


def test_foreshortening_squeezes_along_x():
    image = scene("quiet", mu=0.5).continuum
    dy, dx = (np.mean(np.diff(image, axis=a) ** 2) for a in (0, 1))
    assert dx > 1.5 * dy
    assert image.std() < scene("quiet").continuum.std()


@pytest.mark.parametrize("mu", [0.8, 0.4])
def test_weak_field_along_the_line_of_sight_is_much_the_same_at_an_angle(mu):
    fields = [scene("quiet", mu=m).field for m in (1.0, mu)]
    weak = [field[lowpass(np.abs(field), (PLATE_SCALE,) * 2, 1.5) < 45].std() for field in fields]
    assert weak[1] == pytest.approx(weak[0], rel=0.15)
    assert abs(scene("quiet", mu=mu).field.mean(dtype=float)) < 0.3


def test_horizontal_field_is_over_the_edges_of_granules_and_the_vertical_one_in_the_lanes():
    pixel = np.array([PLATE_SCALE, PLATE_SCALE])
    lane = np.tile(np.linspace(0, 0.8, SHAPE[1], dtype=np.float32), (SHAPE[0], 1))
    strength = [np.abs(part).mean(axis=0) for part in internetwork(np.random.default_rng(0), lane, pixel)]
    vertical, horizontal = ([s[(lane[0] >= a) & (lane[0] < a + 0.1)].mean() for a in (0, 0.35, 0.7)] for s in strength)
    assert vertical[0] > 1.5 * vertical[1] > 1.5 * 0.8 * vertical[2]
    assert horizontal[1] > 1.5 * max(horizontal[0], horizontal[2])


@pytest.mark.parametrize("mu", [0.0, 1.5])
def test_mu_out_of_range(mu):
    with pytest.raises(ValueError, match="mu"):
        synthetic_sun("quiet", (64, 64), seed=0, mu=mu)


def test_unknown_kind():
    with pytest.raises(ValueError, match=", ".join(KINDS)):
        synthetic_sun("flare", seed=0)
