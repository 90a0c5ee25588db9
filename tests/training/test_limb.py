"""By what sigma has to be multiplied where the Sun is seen at an angle."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch")

from sunpy_enhance.training import limb
from sunpy_enhance.training.patches import Patches
from sunpy_enhance.training.recipe import read_recipe

HALO, SIZE, SIGMA = 3, 24, 0.2
KNOTS = [0.0, 0.4, 4.0]


def restore(images):
    """Nearest neighbours, with a constant sigma."""
    inner = images[:, HALO:-HALO, HALO:-HALO].repeat(2, axis=1).repeat(2, axis=2)
    return inner, np.full_like(inner, SIGMA)


@pytest.fixture
def suns(monkeypatch):
    """Values up to 0.6, of a field -0.6, whose error in units of sigma is mu at 0, and 1 + mu at 0.4."""
    seen = []

    def draw(observable, kind, *, seed, shape, mu):
        seen.append((observable, kind, seed, mu))
        return (-1 if observable == "magnetogram" else 1), mu

    def sample(truth, number, *, halo, rng, **options):
        sign, mu = truth
        inputs = sign * rng.uniform(0, 0.6, (number, SIZE + 2 * halo, SIZE + 2 * halo)).astype(np.float32)
        enhanced, _ = restore(inputs)
        scale = SIGMA * np.interp(abs(enhanced), [0, 0.4], [mu, 1 + mu])
        targets = enhanced + scale * rng.standard_normal(enhanced.shape)
        return Patches(inputs, targets.astype(np.float32), ["a"] * number)

    monkeypatch.setattr(limb, "synthetic_truth", draw)
    monkeypatch.setattr(limb, "sample_patches", sample)
    monkeypatch.setattr(limb, "_MU", (1.0, 0.5))
    return seen


@pytest.mark.parametrize("name", ["continuum", "magnetogram"])
def test_factors_are_found_in_units_of_those_at_disk_centre(suns, name):
    recipe = read_recipe(name)
    recipe = dataclasses.replace(recipe, table=recipe.table | {"noise": 1e-3})
    found = limb.limb_factors(recipe, restore, knots=KNOTS, halo=HALO)
    assert found["mu"] == [0.5, 1.0]
    # Nothing is as bright as the last knot: as at disk centre.
    np.testing.assert_allclose(found["factors"], [[0.5, 0.75, 1.0], [1.0, 1.0, 1.0]], atol=0.03)
    kinds = list(dict.fromkeys(entry["kind"] for entry in recipe["synthetic"]))
    assert [(kind, mu) for _, kind, _, mu in suns] == [(kind, mu) for mu in (1.0, 0.5) for kind in kinds]
    assert {(observable, seed >= 5_000_000) for observable, _, seed, _ in suns} == {(name, True)}


def test_without_scenes_there_are_no_factors(suns):
    recipe = read_recipe("continuum")
    recipe = dataclasses.replace(recipe, table=recipe.table | {"synthetic": []})
    assert limb.limb_factors(recipe, restore, knots=KNOTS, halo=HALO) is None
    assert not suns
