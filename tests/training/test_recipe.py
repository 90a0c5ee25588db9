"""Recipes: inheritance, changes and the check of their keys."""

import tomllib

import pytest

from sunpy_enhance.optics import WachterPSF
from sunpy_enhance.training import _tables
from sunpy_enhance.training.recipe import read_recipe

SHIPPED = sorted(path.stem for path in _tables.FOLDER.glob("*.toml"))

OWN = """
base = "continuum.toml"
name = "own"
[training]
steps = 7
[[files]]
file = "own.fits"
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    return path


def test_a_recipe_without_a_base_is_its_own_text():
    path = _tables.FOLDER / "continuum.toml"
    recipe = read_recipe(path)
    assert recipe.text == path.read_text()
    # What the file says stands, what it leaves out has its default.
    assert recipe.table["training"].items() >= tomllib.loads(recipe.text)["training"].items()
    assert recipe["training"]["schedule"] == "onecycle"


def test_own_keys_override_the_base_and_lists_replace_it(own):
    recipe, base = read_recipe(own), read_recipe("continuum")
    assert recipe["name"] == "own"
    assert recipe["training"] == base["training"] | {"steps": 7}
    assert recipe["files"] == [{"file": "own.fits"}]
    assert recipe["synthetic"] == base["synthetic"]
    assert recipe.text.startswith(OWN.rstrip())
    assert recipe.text.endswith("# the base, continuum.toml:\n" + base.text)


def test_a_base_beside_the_recipe_comes_first(own):
    base = (_tables.FOLDER / "continuum.toml").read_text().replace("seed = 1", "seed = 77")
    own.with_name("continuum.toml").write_text(base)
    assert read_recipe(own)["seed"] == 77


def test_another_kind_replaces_the_table_and_epochs_replace_steps(own):
    own.write_text(OWN.replace("steps = 7", 'epochs = 2\n[psf]\nkind = "airy"\ndiameter = 0.14'))
    recipe = read_recipe(own)
    assert recipe["psf"] == {"kind": "airy", "diameter": 0.14}
    assert recipe["training"]["epochs"] == 2
    assert "steps" not in recipe["training"]
    assert "epochs" not in read_recipe(own, changes={"training.steps": 3})["training"]


def test_changes_are_noted_in_the_text(own):
    recipe = read_recipe(own, changes={"training.steps": 10, "psf.kind": "wachter", "patches.turn": False})
    assert recipe["training"]["steps"] == 10
    assert recipe["patches"]["turn"] is False
    first = '# changed: training.steps = 10\n# changed: psf.kind = "wachter"\n# changed: patches.turn = false\n'
    assert recipe.text == first + read_recipe(own).text
    for line in first.splitlines():
        tomllib.loads(line.removeprefix("# changed: "))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training.stpes": 3}, r"unknown keys \['training.stpes'\]"),
        ({"sed": 3}, r"unknown keys \['sed'\]"),
        ({"files": [{"sha": "a", "scenes": 1}], "synthetic": [{"kinds": 1}]}, "files.sha.*synthetic.kinds"),
        ({"training": 3}, r"training is 3, expected a table: write it as \[training\]"),
        ({"synthetic": {"kind": "quiet"}}, r"write it as \[\[synthetic\]\]"),
        ({"training.steps": 0}, "either steps or epochs, a positive integer"),
        ({"training.steps": 2.5}, "either steps or epochs, a positive integer"),
        ({"training.schedule": "cosine"}, r"schedule is 'cosine' in \[training\], expected one of \('onecycle', 'con"),
        ({"training.loss": "l1"}, "loss is 'l1'"),
    ],
)
def test_what_a_recipe_cannot_say_is_told(own, changes, message):
    with pytest.raises(ValueError, match=message):
        read_recipe(own, changes=changes)


def test_steps_and_epochs_contradict_each_other(own):
    own.write_text(OWN.replace("steps = 7", "steps = 7\nepochs = 2"))
    with pytest.raises(ValueError, match=r"has {'steps': 7, 'epochs': 2} in \[training\]"):
        read_recipe(own)


def test_missing_keys_are_named(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("name = 'x'")
    with pytest.raises(ValueError, match=r"lacks \['network', 'noise'"):
        read_recipe(path)


def test_files_that_are_no_recipes_are_told(tmp_path, own):
    own.write_text('base = "own.toml"')
    with pytest.raises(ValueError, match=r"own.toml is its own base"):
        read_recipe(own)
    own.write_text('base = "else.toml"')
    with pytest.raises(FileNotFoundError, match=r"no recipe else.toml.*continuum"):
        read_recipe(own)
    own.write_text("name = continuum")
    with pytest.raises(ValueError, match=r"own.toml is not TOML"):
        read_recipe(own)


def test_an_unknown_parameter_of_a_psf_is_told():
    with pytest.raises(ValueError, match=r"\[psf\] does not describe.*omgea"):
        read_recipe("continuum", changes={"psf.omgea": 2.0}).optics()


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_are_complete(name):
    recipe = read_recipe(name)
    assert recipe["name"] == name
    assert recipe["observable"] == ("magnetogram" if "magnetogram" in name else "continuum")
    assert len(recipe.optics()) == 2
    assert recipe.round
    assert recipe.symmetric


def test_the_paper_is_followed():
    """Díaz Baso & Asensio Ramos (2018), Sects. 2.5 and 2.6."""
    continuum, field = read_recipe("paper"), read_recipe("paper-magnetogram")
    for recipe in (continuum, field):
        assert recipe["network"] == {"kind": "paper", "channels": 64, "blocks": 5}
        assert recipe["patches"].items() >= {"size": 50, "number": 50_000, "test_number": 5_000}.items()
        settings = {"epochs": 20, "batch": 32, "learning_rate": 1e-4, "schedule": "constant", "loss": "mse"}
        assert recipe["training"].items() >= settings.items()
        assert "files" not in recipe.table
    assert (continuum["noise"], field["noise"]) == (1e-3, 10.0)
    assert (continuum["training"]["l2"], field["training"]["l2"]) == (1e-6, 1e-5)


def test_what_may_be_turned_depends_on_the_psf(own, monkeypatch):
    recipe = read_recipe(own)
    assert recipe.sampling()["turn"]
    monkeypatch.setattr(WachterPSF, "round", False, raising=False)
    assert not recipe.sampling()["turn"]
    assert not recipe.symmetric
    # A square pixel, for example.
    monkeypatch.setattr(WachterPSF, "symmetric", True, raising=False)
    assert recipe.symmetric
    assert not recipe.round
