"""Recipes: inheritance, changes and the check of their keys."""

import datetime as dt
import tomllib

import pytest

from sunpy_enhance.optics import WachterPSF
from sunpy_enhance.training import _tables
from sunpy_enhance.training._keys import KEYS
from sunpy_enhance.training.recipe import read_recipe

SHIPPED = sorted(path.stem for path in _tables.FOLDER.glob("*.toml"))

OWN = """
base = "continuum.toml"
name = "own"
[training]
steps = 7
[[files]]
file = "own.fits"
scenes = 1
patches = 3
test_patches = 2
"""
FILE = {"file": "own.fits", "scenes": 1, "patches": 3, "test_patches": 2}
KIND = {"kind": "quiet", "scenes": 1, "patches": 3, "test_scenes": 1, "test_patches": 2}


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
    assert recipe["files"] == [FILE]
    assert recipe["synthetic"] == base["synthetic"]
    assert recipe.text.startswith(OWN.rstrip())
    assert recipe.text.endswith("# the base, continuum.toml:\n" + base.text)


def test_the_name_of_a_shipped_recipe_is_enough_for_a_base(own):
    table = read_recipe(own).table
    own.write_text(own.read_text().replace("continuum.toml", "continuum"))
    assert read_recipe(own).table == table


def test_a_base_beside_the_recipe_comes_first(own):
    base = (_tables.FOLDER / "continuum.toml").read_text().replace("seed = 1", "seed = 77")
    own.with_name("continuum.toml").write_text(base)
    assert read_recipe(own)["seed"] == 77


def test_the_kind_of_network_that_the_base_does_not_name_is_the_same_kind():
    base = read_recipe("continuum-fast")["network"]
    assert "kind" not in base
    changed = read_recipe("continuum-fast", changes={"network": {"kind": "hybrid", "narrow": 13}})
    assert changed["network"] == base | {"kind": "hybrid", "narrow": 13}


def test_another_kind_replaces_the_table_and_epochs_replace_steps(own):
    own.write_text(OWN.replace("steps = 7", 'epochs = 2\n[psf]\nkind = "airy"\ndiameter = 0.14'))
    recipe = read_recipe(own)
    assert recipe["psf"] == {"kind": "airy", "diameter": 0.14}
    assert recipe["training"]["epochs"] == 2
    assert "steps" not in recipe["training"]
    assert "epochs" not in read_recipe(own, changes={"training.steps": 3})["training"]


def test_the_order_of_changes_says_nothing():
    scene = {"kind": "quiet", "scenes": 1, "patches": 5, "test_scenes": 1, "test_patches": 5}
    changes = {"patches.number": 128, "synthetic": [scene], "network": {"channels": 4}, "network.blocks": 1}
    backwards = dict(reversed(changes.items()))
    one, other = (read_recipe("paper", changes=given) for given in (changes, backwards))
    assert one.table == other.table
    assert one["patches"] == {"size": 50, "number": 128, "turn": False, "blur": [1.0, 1.0]}
    assert (one["network"]["channels"], one["network"]["blocks"]) == (4, 1)
    assert list(changes["network"]) == ["channels"]


def test_own_scenes_are_as_many_patches_as_they_say(own):
    assert read_recipe("continuum")["patches"]["number"] == 25_000
    assert "number" not in read_recipe(own)["patches"]
    assert read_recipe(own)["patches"]["size"] == 48
    own.write_text('base = "continuum.toml"\nname = "own"\n')
    assert read_recipe(own)["patches"]["number"] == 25_000
    own.write_text(OWN.replace("[training]", "[patches]\nnumber = 7\n[training]"))
    assert read_recipe(own)["patches"]["number"] == 7


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
        ({"training.steps": 0}, "training.steps is 0, expected a positive integer"),
        ({"training.steps": 2.5}, "training.steps is 2.5, expected a positive integer"),
        ({"training.steps": True}, "training.steps is True, expected a positive integer"),
        ({"training.schedule": "cosine"}, 'training.schedule is \'cosine\', expected "onecycle" or "constant"'),
        ({"training.loss": "l1"}, 'training.loss is \'l1\', expected "weighted" or "mse"'),
        ({"training.learning_rate": "fast"}, "training.learning_rate is 'fast', expected a positive number"),
        ({"training.learning_rate": float("nan")}, "training.learning_rate is nan"),
        ({"training.local_box": 4}, "training.local_box is 4, expected an odd positive integer"),
        ({"training.weights": {"ME sunspot": -1}}, "training.weights is .* expected a table of positive numbers"),
        ({"observable": "doppler"}, 'observable is \'doppler\', expected "continuum" or "magnetogram"'),
        ({"noise": -1.0}, "noise is -1.0, expected a positive number"),
        ({"seed": "one"}, "seed is 'one', expected an integer of at least 0"),
        ({"name": 5}, "name is 5, expected a text"),
        ({"network.narrow": 8}, "network.narrow is 8, expected an odd positive integer"),
        ({"patches.size": 5}, "patches.size is 5, expected an integer of at least 6"),
        ({"seed": dt.date(2020, 1, 1)}, "seed is datetime.date.* expected an integer of at least 0"),
        ({"psf.day": dt.date(2020, 1, 1)}, "psf is .* expected a table of numbers, texts and lists of numbers"),
        ({"training.polarity": True}, "training.polarity = true for the continuum, which has none"),
        ({"patches.turn": 1}, "patches.turn is 1, expected true or false"),
        ({"uncertainty.channels": 0}, "uncertainty.channels is 0, expected a positive integer"),
        ({"uncertainty.without": "shrunk SHARP"}, "uncertainty.without is .* expected a list of texts"),
        ({"files": [FILE | {"held_out": "0.3"}]}, "files.held_out is '0.3', expected a number between -1 and 1"),
        ({"files": [FILE | {"zoom": [1.2, 0.8]}]}, "files.zoom is .* two positive numbers, the smaller first"),
        ({"files": [FILE | {"level": "median"}]}, "files.level is 'median', expected a positive number or \"mean\""),
        ({"files": [FILE | {"axis": "space"}]}, "files.axis is 'space', expected 0, 1 or \"time\""),
        ({"files": [{"file": "own.fits"}]}, r"lacks \['patches', 'scenes', 'test_patches'\] in \[\[files\]\]"),
        ({"synthetic": [KIND | {"mu": 0}]}, "synthetic.mu is 0, expected a number above 0 and at most 1"),
        ({"synthetic": [KIND | {"shape": [64]}]}, "synthetic.shape is .* expected two positive integers"),
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
    own.write_text("base = 5")
    with pytest.raises(ValueError, match=r"own.toml: base is 5, expected the name of a recipe"):
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


def test_every_shipped_key_is_known_by_its_kind():
    used = {name: set() for name in KEYS}
    for name in SHIPPED:
        table = read_recipe(name).table
        used[""] |= {key for key in table if key not in KEYS}
        for part in KEYS.keys() - {""}:
            entries = table.get(part, [])
            used[part] |= {key for entry in (entries if isinstance(entries, list) else [entries]) for key in entry}
    for part, keys in used.items():
        assert keys
        assert keys <= KEYS[part].keys()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"network": {"kind": "paper", "layers": 3}},
            r"\[network\] does not describe a network of kind 'paper'.*layers",
        ),
        ({"network.kind": "unet"}, "kind is 'unet', expected one of"),
        ({"network.channels": 7}, "channels is 7, expected an even number"),
    ],
)
def test_networks_that_there_are_not_are_told(changes, message):
    pytest.importorskip("torch", reason="networks need PyTorch")
    recipe = read_recipe("magnetogram", changes=changes)
    with pytest.raises(ValueError, match=message):
        recipe.network()


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
    pytest.importorskip("torch", reason="networks need PyTorch")
    recipe = read_recipe(own)
    assert recipe.sampling()["turn"]
    monkeypatch.setattr(WachterPSF, "round", False, raising=False)
    assert not recipe.sampling()["turn"]
    assert not recipe.symmetric
    # A square pixel, for example.
    monkeypatch.setattr(WachterPSF, "symmetric", True, raising=False)
    assert recipe.symmetric
    assert not recipe.round
