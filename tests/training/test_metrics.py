"""Figures of restorations by PyTorch."""

import numpy as np
import pytest
from conftest import smooth_noise

torch = pytest.importorskip("torch", reason="training needs PyTorch")

from sunpy_enhance.optics import AiryPSF, WachterPSF  # noqa: E402
from sunpy_enhance.training import metrics  # noqa: E402
from sunpy_enhance.training.metrics import evaluate  # noqa: E402
from sunpy_enhance.training.networks import Hybrid  # noqa: E402
from sunpy_enhance.training.patches import Patches, sample_patches  # noqa: E402
from sunpy_enhance.training.recipe import read_recipe  # noqa: E402
from sunpy_enhance.training.sources import Truth  # noqa: E402


def white(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


class Answers:
    """A method that gives what it was told to, with an error."""

    halo = 0

    def __init__(self, targets, change):
        self.targets, self.change, self.given = targets, change, 0

    def __call__(self, images):
        part = self.targets[self.given : self.given + len(images)]
        self.given += len(images)
        return torch.from_numpy(self.change(part).astype(np.float32))[:, None]


@pytest.fixture(scope="module")
def patches():
    """Of a periodic image without anything that HMI does not pass, in two sources."""
    parts = []
    for seed, name in enumerate("ab"):
        image = 1 + 0.1 * smooth_noise((400, 400), 6, seed)
        optics = {"psf": WachterPSF(), "target": AiryPSF(), "plate_scale": 0.504}
        source = Truth(image, 0.1, name, periodic=True)
        parts.append(sample_patches(source, 5, size=16, halo=4, rng=np.random.default_rng(seed), **optics))
    return Patches.join(parts)


def test_truth_leaves_the_noise_as_residual(patches):
    noise = 3e-3
    exact = Answers(patches.targets, lambda part: part + 1e-7)
    metrics = evaluate({"exact": exact}, patches, noise, chunk=3)
    assert set(metrics) == {"a", "b"}
    for methods in metrics.values():
        assert methods["exact"]["residual"] == pytest.approx(noise, rel=0.05)
        assert methods["exact"]["rms"] < 1e-6
        assert methods["bicubic"]["residual"] > 2 * noise


def test_a_constant_error_is_the_residual(patches):
    shifted = Answers(patches.targets, lambda part: part + 0.03)
    for methods in evaluate({"shifted": shifted}, patches, 0.0).values():
        assert methods["shifted"]["residual"] == pytest.approx(0.03, rel=1e-3)
        assert methods["shifted"]["bias"] == pytest.approx(0.03, rel=1e-3)


def test_residual_is_of_the_optics_that_are_given(patches):
    rough = Answers(patches.targets, lambda part: part + 0.03 * white(part.shape))
    sharper = {"psf": WachterPSF(omega=1.0, width=1.0)}
    one = evaluate({"rough": rough}, patches, 0.0)
    other = evaluate({"rough": Answers(rough.targets, rough.change)}, patches, 0.0, **sharper)
    assert other["a"]["rough"]["residual"] > 1.5 * one["a"]["rough"]["residual"]
    assert other["a"]["rough"]["rms"] == one["a"]["rough"]["rms"]


def test_noise_is_the_same_for_every_method_and_seed_decides_it(patches):
    runs = [evaluate({}, patches, 0.1, seed=seed)["a"]["bicubic"]["rms"] for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


def oddness(network, images):
    """Largest difference between f(-B) and -f(B)."""
    with torch.no_grad():
        return float((network(-images) + network(images)).abs().max())


def test_odd_networks_are_odd_and_others_are_not():
    torch.manual_seed(0)
    images = 100 * torch.randn(3, 1, 24, 24)
    odd, other = (Hybrid(8, 1, narrow=7, wide=0, odd=odd, constant=1000.0) for odd in (True, False))
    for network in (odd, other):
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    assert oddness(odd, images) < 1e-2
    assert oddness(other, images) > 1
    assert oddness(lambda field: field + 7, images) == pytest.approx(14)


def test_a_halo_that_the_patches_lack_is_refused(patches):
    wide = Answers(patches.targets, lambda part: part)
    wide.halo = 5
    with pytest.raises(ValueError, match="wide needs 5 pixels .* have 4"):
        evaluate({"wide": wide}, patches, 0.0)


def test_a_network_that_pads_by_itself_sees_around_a_patch(patches):
    class Nearest:
        halo, reach, border = 4, 0, "pad"

        def __call__(self, images):
            inner = images[..., self.halo : -self.halo, self.halo : -self.halo] if self.halo else images
            return torch.nn.functional.interpolate(inner, scale_factor=2)

    class WrongAtTheBorder(Nearest):
        halo, reach, border = 0, 4, "own"

        def __call__(self, images):
            result = super().__call__(images)
            result[..., : 2 * self.reach, :] = 9.0
            return result

    methods = {"right inside": WrongAtTheBorder(), "right": Nearest()}
    for found in evaluate(methods, patches, 1e-3).values():
        assert found["right inside"] == found["right"]


@pytest.mark.parametrize(
    ("angles", "validated"),
    [([0.6, 0.5], 0.5), ([0.7, None], 0.8), ([None], 0.4), ([], 0.4)],
)
def test_validation_ends_where_the_training_did(monkeypatch, angles, validated):
    """A network that is better than the others down to mu = 0.4."""
    monkeypatch.setattr(metrics, "_MU", (1.0, 0.8, 0.5, 0.4, 0.3))

    def evaluated(methods, patches, noise, **options):
        return {
            source: {
                "continuum": {"rms": 1.0, "correlation": 0.9 if float(source.split()[2][:-1]) >= 0.4 else 0.8},
                "linear": {"rms": 2.0},
                "bicubic": {"rms": 3.0},
            }
            for source in patches.sources
        }

    monkeypatch.setattr(metrics, "evaluate", evaluated)
    kind = {"kind": "quiet", "scenes": 1, "patches": 1, "test_scenes": 1, "test_patches": 1}
    entries = [kind | ({} if mu is None else {"mu": mu}) for mu in angles]
    recipe = read_recipe("continuum", changes={"synthetic": entries})
    found, _, _ = metrics.validate_towards_limb(recipe, None, object(), shape=(64, 64), number=1)
    assert found == validated


@pytest.mark.parametrize(("diameter", "plate_scale"), [(0.28, 0.504), (1.0, 0.109)])
def test_the_synthetic_sun_is_fine_enough_for_any_target(monkeypatch, diameter, plate_scale):
    """A target of a metre passes more than 48 km per pixel can show."""
    monkeypatch.setattr(metrics, "_MU", (1.0,))
    drawn, original = [], metrics.synthetic_truth
    monkeypatch.setattr(metrics, "synthetic_truth", lambda *a, **k: drawn.append(original(*a, **k)) or drawn[-1])
    recipe = read_recipe("continuum-linear", changes={"target.diameter": diameter, "plate_scale": plate_scale})
    linear = recipe.linear()
    _, found, _ = metrics.validate_towards_limb(recipe, linear, linear, shape=(64, 64), number=1)
    assert set(found) == {"mu = 1.0, quiet", "mu = 1.0, spot"}
    finest = 0.5 / AiryPSF(diameter=diameter).limit
    assert {truth.plate_scale for truth in drawn} == {min(0.0662, finest)}
    assert (finest < 0.0662) == (diameter == 1.0)
