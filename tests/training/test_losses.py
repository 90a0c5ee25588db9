"""What training minimises."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch")

from sunpy_enhance.optics import YeoPSF, transfer_function  # noqa: E402
from sunpy_enhance.training.losses import Loss  # noqa: E402
from sunpy_enhance.training.recipe import read_recipe  # noqa: E402

CPU = torch.device("cpu")
PLAIN = {"patches.size": 8} | {
    f"training.{key}": value for key, value in {"consistency": 0.0, "local": 0.0, "patch": 1.0, "quiet": 0.0}.items()
}
SOURCES = ["Sun", "Moon", "Sun", "Sun"]


@pytest.fixture
def errors():
    rng = np.random.default_rng(0)
    targets = rng.normal(1, 0.2, (3, 1, 16, 16)).astype(np.float32)
    results = targets + rng.normal(0.01, 0.1, targets.shape).astype(np.float32)
    return torch.from_numpy(results), torch.from_numpy(targets)


def test_the_paper_s_loss_is_the_mean_squared_difference(errors):
    results, targets = errors
    recipe = read_recipe("magnetogram", changes=PLAIN | {"training.loss": "mse"})
    loss = Loss(recipe, 1000.0, None, SOURCES, CPU)
    kilogauss = (results.numpy() - targets.numpy()) / 1000
    assert float(loss(results, targets, [0, 1, 2], None)) == pytest.approx(np.mean(kilogauss**2), rel=1e-5)


def test_errors_of_the_mean_are_added(errors):
    results, targets = errors
    losses = [
        float(
            Loss(read_recipe("continuum", changes=PLAIN | changes), 1.0, None, SOURCES, CPU)(
                results, targets, [0, 1, 2], None
            )
        )
        for changes in ({"training.loss": "mse"}, {"training.loss": "mse", "training.mean": 5.0})
    ]
    means = (results - targets).mean(dim=(1, 2, 3)).numpy()
    assert losses[1] - losses[0] == pytest.approx(5 * np.mean(means**2), rel=1e-3)


def test_weights_are_the_linear_filter_s_errors(errors):
    results, targets = errors
    recipe = read_recipe("continuum", changes=PLAIN | {"training.floor": 0.0})
    linear_errors = np.array([9.0, 1.0, 2.0, 4.0])
    loss = Loss(recipe, 1.0, linear_errors, SOURCES, CPU)
    squares = np.mean((results.numpy() - targets.numpy()) ** 2, axis=(1, 2, 3))
    expected = np.mean(squares / linear_errors[[1, 3, 2]])
    assert float(loss(results, targets, [1, 3, 2], None)) == pytest.approx(expected, rel=1e-5)


def test_consistency_counts_what_hmi_would_see():
    """A flat error is seen as it is, one at the pixel scale not at all."""
    recipe = read_recipe("continuum", changes=PLAIN | {"training.loss": "mse", "training.consistency": 3.0})
    loss = Loss(recipe, 1.0, None, SOURCES, CPU)
    zero = torch.zeros(1, 1, 16, 16)
    flat = torch.full_like(zero, 0.1)
    checkered = flat * (-1) ** torch.arange(16)
    assert float(loss(flat, zero, [0], None)) == pytest.approx(4 * 0.01, rel=1e-4)
    assert float(loss(checkered, zero, [0], None)) == pytest.approx(0.01, rel=1e-2)


def test_consistency_is_exact_where_the_target_is_not_symmetric():
    """With the same point spread function before and after, HMI would see the error as it is."""
    yeo = {"kind": "yeo"}
    recipe = read_recipe("continuum", changes=PLAIN | {"training.consistency": 1.0})
    loss = Loss(
        dataclasses.replace(recipe, table=recipe.table | {"psf": yeo, "target": yeo}), 1.0, np.ones(1), [""], CPU
    )
    seen = np.abs(transfer_function(YeoPSF(), (16, 16), 0.252)) > 0.05
    np.testing.assert_allclose(loss.relative.numpy()[seen], 1, atol=1e-6)


def test_local_errors_count_less_in_strong_field():
    changes = PLAIN | {"training.loss": "weighted", "training.patch": 0.0, "training.local": 0.1}
    loss = Loss(read_recipe("magnetogram", changes=changes), 1000.0, np.ones(1), SOURCES, CPU)
    weak, strong = torch.zeros(1, 1, 16, 16), torch.full((1, 1, 16, 16), 2000.0)
    assert float(loss(weak + 50, weak, [0], None)) > 10 * float(loss(strong + 50, strong, [0], None))


def test_a_smaller_box_watches_weak_field_beside_strong():
    changes = PLAIN | {"training.loss": "weighted", "training.patch": 0.0, "training.local": 0.1}
    truth = torch.zeros(1, 1, 16, 16)
    truth[..., :8] = 2000.0
    wrong = truth.clone()
    wrong[..., 10] += 50
    found = []
    for box in (1, 3, 9):
        recipe = read_recipe("magnetogram", changes=changes | {"training.local_box": box})
        loss = Loss(recipe, 1000.0, np.ones(1), SOURCES, CPU)
        found.append(float(loss(wrong, truth, [0], None) - loss(truth, truth, [0], None)))
    assert found[0] == pytest.approx(found[1], rel=1e-5)
    assert found[1] > 5 * found[2]


@pytest.mark.parametrize("kind", ["mse", "weighted"])
def test_a_source_counts_as_often_as_the_recipe_says(kind, errors):
    results, targets = errors
    changes = PLAIN | {"training.loss": kind, "training.floor": 0.0}
    plain, weighted = (
        Loss(read_recipe("continuum", changes=changes | more), 1.0, np.ones(4), SOURCES, CPU)(
            results, targets, [0, 1, 3], None
        )
        for more in ({}, {"training.weights": {"Moon": 3.0, "Mars": 9.0}})
    )
    squares = np.mean((results.numpy() - targets.numpy()) ** 2, axis=(1, 2, 3))
    assert float(weighted - plain) == pytest.approx(2 * squares[1] / 3, rel=1e-4)


def test_what_might_be_no_field_is_kept_small():
    """Where HMI sees less than twice the noise, and nowhere else; of either sign."""
    changes = PLAIN | {"training.loss": "weighted", "training.patch": 0.0}
    inputs = torch.full((1, 1, 14, 14), 300.0)
    inputs[..., 3:7, 3:11] = 15.0  # the upper half of the 8x8 pixels that are restored
    results = torch.full((1, 1, 16, 16), 30.0)
    targets = torch.zeros_like(results)
    losses = [
        Loss(read_recipe("magnetogram", changes=changes | {"training.quiet": weight}), 1000.0, np.ones(1), ["Sun"], CPU)
        for weight in (0.0, 0.4)
    ]
    for sign in (1, -1):
        plain, quiet = (loss(results, targets, [0], sign * inputs) for loss in losses)
        assert float(quiet - plain) == pytest.approx(0.4 * 30**2 / 10**2 / 2, rel=1e-5)
