"""The head that tells the error: what it promises by construction, how it is calibrated, and its file."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch")

from test_export import hybrid, recipe_of  # noqa: E402
from test_paper import randomised  # noqa: E402

from sunpy_enhance._network import apply_tiled, load_network  # noqa: E402
from sunpy_enhance.training import calibration  # noqa: E402
from sunpy_enhance.training.calibration import best_factor, calibrate, count, coverage  # noqa: E402
from sunpy_enhance.training.cost import graph_cost  # noqa: E402
from sunpy_enhance.training.export import export  # noqa: E402
from sunpy_enhance.training.networks import Hybrid  # noqa: E402
from sunpy_enhance.training.patches import Patches  # noqa: E402
from sunpy_enhance.training.recipe import read_recipe  # noqa: E402
from sunpy_enhance.training.sigma import Sigma  # noqa: E402


def head_of(network, seed=0):
    torch.manual_seed(seed)
    head = Sigma(network, 8, floor=1e-3).eval()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.normal_(std=0.3)
        for name in ("around", "at"):
            getattr(head, f"mean_{name}").normal_()
            getattr(head, f"scale_{name}").uniform_(0.5, 2)
        head.typical.fill_(0.02)
        head.factors.uniform_(0.5, 2)
    return head


@pytest.fixture(params=["continuum", "magnetogram"])
def pair(request):
    magnetic = request.param == "magnetogram"
    network = hybrid(odd=magnetic, constant=1000.0 if magnetic else 1.0)
    return request.param, network, head_of(network)


def images_of(network, shape=(2, 1, 40, 36), seed=0):
    values = np.random.default_rng(seed).normal(0 if network.odd else 1, 0.5, shape)
    return torch.from_numpy((network.constant * values).astype(np.float32))


def test_positive_and_of_the_shape_of_the_result(pair):
    _, network, head = pair
    with torch.no_grad():
        restored = network.restore(images_of(network))
        sigma = head(restored)
        strange = head(network.restore(1e4 * images_of(network)))
    assert sigma.shape == restored.phases.shape
    assert (sigma >= 0.5e-3).all()
    assert torch.isfinite(strange).all()
    assert (strange > 0).all()


@pytest.mark.parametrize("pair", ["magnetogram"], indirect=True)
def test_sigma_of_a_field_does_not_know_its_sign(pair):
    _, network, head = pair
    images = images_of(network)
    with torch.no_grad():
        one, other = head(network.restore(images)), head(network.restore(-images))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)
    assert one.std() > 1e-3


def test_the_restored_are_what_forward_gives(pair):
    _, network, _ = pair
    images = images_of(network)
    with torch.no_grad():
        phases = network.restore(images).phases
        torch.testing.assert_close(torch.pixel_shuffle(phases, 2) * network.constant, network(images))


def test_standardised_features_have_no_mean_and_unit_spread(pair):
    _, network, head = pair
    with torch.no_grad():
        restored = network.restore(images_of(network))
        head.standardise(restored, restored.phases - 1)
    assert head.typical == pytest.approx(float((restored.phases - 1).abs().median()) / 0.6745)
    for name, values in zip(("around", "at"), head.features(restored), strict=True):
        standard = (values - getattr(head, f"mean_{name}")) / getattr(head, f"scale_{name}")
        torch.testing.assert_close(standard.mean(dim=(0, 2, 3)), torch.zeros(values.shape[1]), atol=1e-3, rtol=0)


def test_calibration_is_linear_between_its_knots(pair):
    _, network, head = pair
    values = torch.linspace(-3, 3, 64).reshape(1, 4, 4, 4)
    knots, factors = head.knots.numpy(), head.factors.numpy()
    expected = np.interp(values.abs() if network.odd else values, knots, factors)
    np.testing.assert_allclose(head.factor(values).numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(head.calibration(network.constant)["knots"], network.constant * knots)


def test_the_default_head_is_cheap():
    for name in ("continuum", "magnetogram"):
        head = Sigma(read_recipe(name).network(), read_recipe(name)["uncertainty"]["channels"], floor=1e-4)
        assert head.multiply_adds <= 4000


@pytest.mark.parametrize("network", [Hybrid(channels=0), randomised()])
def test_a_network_without_features_is_told(network):
    with pytest.raises(ValueError, match=r"no residual network whose features could tell its error"):
        Sigma(network, 8, floor=1e-3)


# --- the file


def test_file_gives_the_same_sigma(pair, tmp_path):
    observable, network, head = pair
    path = tmp_path / "sigma.onnx"
    export(recipe_of(observable), network, {}, path, mu_validated=0.5, head=head, uncertainty={"coverage": {}})
    loaded = load_network(path, "cpu")
    images = images_of(network)[:1]
    enhanced, sigma = loaded(images[0, 0].numpy(), ["enhanced", "sigma"])
    with torch.no_grad():
        restored = network.restore(images)
        expected = network.constant * torch.pixel_shuffle(head(restored), 2)[0, 0].numpy()
    np.testing.assert_allclose(sigma, expected, rtol=1e-4)
    np.testing.assert_array_equal(loaded(images[0, 0].numpy()), enhanced)
    whole = apply_tiled(loaded, images[0, 0].numpy(), outputs=["sigma"])[0]
    tiled = apply_tiled(loaded, images[0, 0].numpy(), 10, outputs=["sigma"])[0]
    np.testing.assert_allclose(tiled, whole, rtol=1e-4)
    assert graph_cost(path)[1] == pytest.approx(network.multiply_adds + head.multiply_adds, rel=1e-2)


# --- calibration


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_best_factor_of_gaussian_errors_is_known(factor):
    ratios = np.abs(np.random.default_rng(0).normal(0, factor, 200_000))
    assert best_factor(ratios) == pytest.approx(factor, rel=0.02)
    # Half of them count, and those are twice as large.
    weights = np.repeat([0.0, 1.0], 100_000)
    assert best_factor(np.concatenate([ratios[:100_000], 2 * ratios[100_000:]]), weights) == pytest.approx(
        2 * factor, rel=0.02
    )


def test_best_factor_of_long_tails_misses_both_by_the_same():
    ratios = np.abs(np.random.default_rng(0).standard_t(4, 400_000))
    ratios /= best_factor(ratios)
    within = [np.mean(ratios < k) for k in (1, 2)]
    assert within[0] - calibration.WITHIN[0] == pytest.approx(calibration.WITHIN[1] - within[1], abs=5e-3)


def known_errors(observable, network, head, monkeypatch, number=60_000):
    """Let errors be Gaussian, of a scale in units of sigma that depends on the enhanced value."""
    rng = np.random.default_rng(1)
    low, high = (-2.0, 2.0) if head.odd else (0.1, 1.2)
    enhanced = rng.uniform(low, high, number)
    scale = 0.5 + np.abs(enhanced)
    sigma = rng.uniform(0.01, 0.02, number)
    parts = [enhanced, rng.normal(0, scale * sigma), sigma]
    monkeypatch.setattr(calibration, "_measure", lambda *_: [network.constant * part for part in parts])
    return enhanced, scale, parts


def test_calibration_finds_a_known_factor(pair, monkeypatch):
    observable, network, head = pair
    enhanced, scale, parts = known_errors(observable, network, head, monkeypatch)
    calibrate(recipe_of(observable), network, head, Patches([], [], []))
    values = torch.from_numpy(enhanced.astype(np.float32))
    found = head.factor(values).numpy()
    inside = (np.abs(enhanced) < float(head.knots[-1])) & (np.abs(enhanced) > float(head.knots[0]))
    np.testing.assert_allclose(found[inside], scale[inside], rtol=0.12)
    covered = count(observable, network.constant * enhanced, parts[1], parts[2] * found)
    for name, row in covered.items():
        if row["pixels"] > 1000 and name != "strong":  # no knot beyond the last
            assert row["within_1"] == pytest.approx(0.683, abs=0.03)
            assert row["within_2"] == pytest.approx(0.954, abs=0.02)


def test_what_is_covered_is_counted_with_a_factor_on_sigma(pair, monkeypatch):
    observable, network, head = pair
    known_errors(observable, network, head, monkeypatch)
    recipe, patches = read_recipe(observable), Patches([None] * 60_000, [], ["a"] * 60_000)
    plain, wide = (coverage(recipe, network, head, patches, factor) for factor in (None, lambda values: 9 + 0 * values))
    assert plain["a"]["all"]["within_1"] < 0.7
    assert wide["a"]["all"]["within_1"] > 0.99


def test_count_by_regime():
    enhanced = np.array([1.0, 1.0, 0.7, 0.2])
    counted = count("continuum", enhanced, np.array([0.5, -1.5, 2.5, -0.1]), np.ones(4))
    assert counted["all"] == {"pixels": 4, "within_1": 0.5, "within_2": 0.75}
    assert counted["quiet Sun"] == {"pixels": 2, "within_1": 0.5, "within_2": 1.0}
    assert counted["umbra"]["within_1"] == 1
