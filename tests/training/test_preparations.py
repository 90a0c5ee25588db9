"""What makes truth of images that are none yet."""

import numpy as np
import pytest
from conftest import smooth_noise

from sunpy_enhance.training.preparations import PREPARATIONS


@pytest.mark.parametrize("name", ["sst_quiet", "sst_spot"])
def test_preparations_of_intensity(name):
    rng = np.random.default_rng(0)
    image = 200 * (1 + 0.05 * rng.standard_normal((200, 200)))
    prepared = PREPARATIONS[name](image, 0.059)
    assert prepared.mean() == pytest.approx(1, abs=0.02)
    assert prepared.min() > 0
    assert prepared.std() == pytest.approx(3.1 * 0.05, rel=0.1)


@pytest.mark.parametrize("name", ["sst_quiet", "sst_spot"])
def test_preparations_do_not_reach_far(name):
    """What lies beyond the gap changes less than the noise of the training where it is twice as far away."""
    rng = np.random.default_rng(0)
    image = 1 + 0.05 * smooth_noise((300, 200), 4)
    other = image.copy()
    other[200:] = rng.permutation(image[200:].ravel()).reshape(100, 200)
    changes = np.std(PREPARATIONS[name](other, 0.06) - PREPARATIONS[name](image, 0.06), axis=1)
    assert changes[200:].min() > 0.05
    assert changes[:150].max() < 1e-3


def test_preparation_of_a_field_is_odd_and_takes_noise_off():
    field = np.random.default_rng(0).normal(0, 6, (64, 64))
    assert not PREPARATIONS["shrunk_field"](field, 0.1).any()
    field[20:40, 20:40] = 1500
    prepared = PREPARATIONS["shrunk_field"](field, 0.1)
    assert prepared[30, 30] > 1500
    np.testing.assert_allclose(PREPARATIONS["shrunk_field"](-field, 0.1), -prepared)
