"""What is trained on and what is held out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_enhance.training.holdout import hold_out
from sunpy_enhance.training.truth import Truth


def numbered(shape, *, periodic=False, first=0):
    """A truth with another number in every pixel."""
    return Truth(first + np.arange(float(np.prod(shape))).reshape(shape), 0.1, "numbers", periodic=periodic)


@given(
    shape=st.tuples(st.integers(120, 160), st.integers(120, 160)),
    fraction=st.sampled_from([-0.6, -0.3, 0.3, 0.5]),
    axis=st.sampled_from([0, 1]),
    periodic=st.booleans(),
)
def test_parts_are_farther_apart_than_the_gap(shape, fraction, axis, periodic):
    truth = numbered(shape, periodic=periodic)
    (train,), (held_out,) = hold_out([truth], fraction, axis)
    rows = [np.unique(np.unravel_index(part.image.astype(int), shape)[axis]) for part in (train, held_out)]
    distance = np.abs(rows[0][:, None] - rows[1])
    if periodic:
        distance = np.minimum(distance, shape[axis] - distance)
    assert distance.min() > 15  # 1.5 arcsec
    assert not train.periodic
    assert not held_out.periodic
    assert (rows[1].min() == 0) == (fraction < 0)


def test_all_or_nothing():
    truth = numbered((50, 40), periodic=True)
    for axis in (0, 1, "time"):
        assert hold_out([truth], 0, axis) == ([truth], [])
        assert hold_out([truth], 1, axis) == ([], [truth])
    train, held_out = hold_out([numbered((50, 40))], 1.0)
    assert not train
    assert held_out[0].image.shape == (35, 40)


@given(number=st.integers(4, 20), gap=st.integers(0, 1), fraction=st.sampled_from([-0.5, -0.25, 0.25, 0.5]))
def test_snapshots_are_parted_whole_and_in_order(number, gap, fraction):
    truths = [numbered((2, 2), periodic=True, first=10 * i) for i in range(number)]
    train, held_out = hold_out(truths, fraction, "time", time_gap=gap)
    assert len(train) + gap + len(held_out) == number
    assert len(held_out) == round(abs(fraction) * number)
    first, second = (held_out, train) if fraction < 0 else (train, held_out)
    assert first[0] is truths[0]
    assert second[-1] is truths[-1]
    assert all(truth.periodic for truth in train + held_out)


def test_what_cannot_be_held_out_is_named():
    truths = [numbered((2, 2))] * 3
    with pytest.raises(ValueError, match="run has 3 snapshots, of which a fraction of 0.1"):
        hold_out(truths, 0.1, "time", name="run")
    with pytest.raises(ValueError, match=r"run is cut into 28 and none of 40 rows or columns"):
        hold_out([numbered((40, 40))], 0.3, name="run")
    with pytest.raises(ValueError, match="2 left out in between"):
        hold_out(truths, 0.3, "time", time_gap=2)
    with pytest.raises(ValueError, match='run has time_gap = 2 and axis = 0, expected axis = "time"'):
        hold_out([numbered((80, 40))], 0.3, time_gap=2, name="run")
    with pytest.raises(ValueError, match=r"held_out = 1\.5 and axis = 0"):
        hold_out(truths, 1.5)
    with pytest.raises(ValueError, match='expected a fraction between -1 and 1, and 0, 1 or "time"'):
        hold_out(truths, 0.5, "x")
    with pytest.raises(ValueError, match="held_out = '0.3'"):
        hold_out(truths, "0.3")
