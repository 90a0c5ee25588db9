"""Power spectra and footprints of images that are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_enhance.validation.regimes import regimes
from sunpy_enhance.validation.spectra import largest_square, radial_power


@pytest.mark.parametrize("plate_scale", [0.252, 0.504])
def test_white_noise_has_its_variance_at_any_sampling(plate_scale):
    image = 7 + 3 * np.random.default_rng(0).standard_normal((200, 160))
    frequency, power = radial_power(image, plate_scale)
    np.testing.assert_allclose(power[20:].mean(), 9 * plate_scale**2, rtol=0.03)
    assert len(frequency) == 40
    assert frequency.max() < 0.5 / plate_scale


@pytest.mark.parametrize(("shape", "bins"), [((4, 4), None), ((64, 64), 100)])
def test_a_bin_without_a_frequency_is_not_one_without_power(shape, bins):
    frequency, power = radial_power(np.random.default_rng(0).standard_normal(shape), 0.5, bins=bins)
    assert frequency.shape == power.shape
    assert power.min() > 0


def test_a_wave_is_at_its_frequency():
    x = np.arange(256) * 0.252
    frequency, power = radial_power(np.sin(2 * np.pi * 0.7 * x) * np.ones((256, 1)), 0.252)
    assert abs(frequency[np.argmax(power)] - 0.7) < 0.03


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 40))
def test_the_square_is_inside_and_none_is_larger(rows, columns, holes):
    rng = np.random.default_rng(holes)
    footprint = np.ones((rows, columns), bool)
    footprint.flat[rng.integers(0, footprint.size, holes)] = False
    footprint.flat[rng.integers(footprint.size)] = True
    part = footprint[largest_square(footprint)]
    side = len(part)
    assert part.all()
    assert part.shape == (side, side)
    larger = (
        np.lib.stride_tricks.sliding_window_view(footprint, (side + 2,) * 2)
        if side + 2 <= min(footprint.shape)
        else np.zeros((1, 1, 1, 1), bool)
    )
    assert not larger.all(axis=(2, 3)).any()


def test_every_pixel_is_in_one_regime():
    intensity = np.array([0.1, 0.5, 0.7, 0.9, 1.1, np.nan])
    found = regimes(intensity, "continuum")
    assert [list(np.flatnonzero(one)) for one in found.values()] == [[3, 4], [1, 2], [0]]
    found = regimes(np.array([-2000, -50, 49, 500, np.nan]), "magnetogram")
    assert [list(np.flatnonzero(one)) for one in found.values()] == [[2], [1], [0, 3]]
    with pytest.raises(ValueError, match="observable is 'Continuum', expected 'continuum' or 'magnetogram'"):
        regimes(intensity, "Continuum")
