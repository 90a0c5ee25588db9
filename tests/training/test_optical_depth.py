"""The layer of an optical depth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layouts import DEPTHS, atmosphere

from sunpy_enhance.training.optical_depth import at_log_tau


@given(
    axes=st.permutations("zyx").map("".join),
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    layer=st.floats(-4.5, 2.5),
    upwards=st.booleans(),
    logarithmic=st.booleans(),
)
def test_a_field_linear_in_log_tau_is_exact(axes, shape, layer, upwards, logarithmic):
    field, log_tau, expected = atmosphere(shape, upwards=upwards)
    order = ["zyx".index(letter) for letter in axes]
    tau = log_tau if logarithmic else 10**log_tau
    sheet = at_log_tau(field.transpose(order), tau.transpose(order), layer, axes=axes, logarithmic=logarithmic)
    np.testing.assert_allclose(sheet, expected(layer), rtol=1e-9, atol=1e-8)


def test_the_layer_at_a_grid_point_is_that_point():
    field = np.random.default_rng(0).normal(size=(len(DEPTHS), 4, 3))
    log_tau = np.broadcast_to(DEPTHS[:, None, None], field.shape)
    for k in (0, 5, len(DEPTHS) - 1):
        np.testing.assert_allclose(at_log_tau(field, log_tau, DEPTHS[k], logarithmic=True), field[k])


def test_the_outermost_layer_is_what_is_seen():
    log_tau = np.array([-3.0, -1.0, 1.0, -1.0, 1.0, 3.0])[:, None, None]
    field = np.array([0.0, 1.0, 2.0, 30.0, 40.0, 50.0])[:, None, None]
    assert at_log_tau(field, log_tau, logarithmic=True) == 1.5
    assert at_log_tau(field[::-1], log_tau[::-1], logarithmic=True) == 1.5


def test_vacuum_on_top_does_no_harm():
    tau = np.array([0.0, 0.1, 10.0])[:, None, None]
    assert at_log_tau(np.array([5.0, 1.0, 2.0])[:, None, None], tau) == pytest.approx(1.5)


def test_depths_that_are_none_are_named():
    field, log_tau, _ = atmosphere()
    with pytest.raises(ValueError, match=r"log tau goes from -4\.9.* in all columns, expected that it passes -6"):
        at_log_tau(field, log_tau, -6, logarithmic=True)
    with pytest.raises(ValueError, match="expected that it passes 4"):
        at_log_tau(field, log_tau, 4, logarithmic=True)
    with pytest.raises(ValueError, match="is it a logarithm"):
        at_log_tau(field, log_tau)
    with pytest.raises(ValueError, match="expected two of the axes 'zyx'"):
        at_log_tau(field[1:], log_tau)
    log_tau[3, 2, 1] = np.nan
    with pytest.raises(ValueError, match="values that are not finite"):
        at_log_tau(field, log_tau, logarithmic=True)
