"""The tables of a recipe: inheritance, changes, defaults, and a check of every key."""

import copy
import json
import tomllib
from pathlib import Path

from sunpy_enhance.training._keys import check

FOLDER = Path(__file__).parent / "recipes"

# What a key of [training] is where the recipe does not say; the recipes that came first have all of the others.
TRAINING_DEFAULTS = {
    "schedule": "onecycle",
    "loss": "weighted",
    "linear_rate": 1.0,
    "average": 0.0,
    "consistency": 0.0,
    "mean": 0.0,
    "floor": 1.0,
    "patch": 1.0,
    "local": 0.0,
    "local_floor": 1.0,
    "local_box": 9,
    "quiet": 0.0,
    "l2": 0.0,
    "clip": 1.0,
    "flips": True,
    "polarity": False,
    "weights": {},
    "fit_patches": 2000,
    "bfloat16": False,
    "float32": 0.0,
    "checkpoint": 500,
}
PATCHES_DEFAULTS = {"turn": True, "blur": [1.0, 1.0]}
# No steps: no head. Sources in "without" have weak field or detail taken off: their truth is too easy.
UNCERTAINTY_DEFAULTS = {"steps": 0, "channels": 16, "batch": 16, "learning_rate": 5e-3, "without": []}


def find(path):
    """Return the path of a recipe: of the file, or of the shipped recipe of that name."""
    path = Path(path)
    return _first_file([path] + ([] if path.suffix else [FOLDER / f"{path}.toml"]), path)


def _first_file(choices, name):
    for choice in choices:
        if choice.is_file():
            return choice
    shipped = ", ".join(sorted(choice.stem for choice in FOLDER.glob("*.toml")))
    msg = f"there is no recipe {name}: give the path of a TOML file or one of {shipped}"
    raise FileNotFoundError(msg)


def read(path, inheriting=()):
    """Return the text and the tables of a recipe file, those of its base included."""
    path = Path(path).resolve()
    if path in inheriting:
        msg = f"recipe {path} is its own base: give another base or leave it out"
        raise ValueError(msg)
    text = path.read_text(encoding="utf-8")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        msg = f"recipe {path} is not TOML: {error}"
        raise ValueError(msg) from error
    if "base" not in table:
        return text, table
    base = table.pop("base")
    if not isinstance(base, str):
        msg = f"recipe {path}: base is {base!r}, expected the name of a recipe"
        raise ValueError(msg)
    base_path = _first_file([path.parent / base, FOLDER / base, FOLDER / f"{base}.toml"], base)
    base_text, base_table = read(base_path, (*inheriting, path))
    return f"{text.rstrip()}\n\n# the base, {base}:\n{base_text}", merge(base_table, table)


def merge(base, own):
    """Return the tables of a base overridden by others: key by key within tables, lists as a whole.

    A table of another ``kind`` replaces the base's, for its keys are others; ``epochs`` replaces ``steps``; and with
    scenes of its own, a recipe does not inherit how many patches the base's scenes give in all.
    """
    merged = base | own
    for key in base.keys() & own.keys():
        old, new = base[key], own[key]
        if isinstance(old, dict) and isinstance(new, dict) and new.get("kind", _kind(old)) == _kind(old):
            merged[key] = merge(old, new)
    for key, other in (("steps", "epochs"), ("epochs", "steps")):
        if key in own and other not in own:
            merged.pop(other, None)
    if {"files", "synthetic"} & own.keys() and isinstance(merged.get("patches"), dict):
        others = {"number", "test_number"} - own.get("patches", {}).keys()
        merged["patches"] = {key: value for key, value in merged["patches"].items() if key not in others}
    return merged


def _kind(table):
    return table.get("kind", "hybrid")  # only [network] may leave it out


def change(text, table, changes):
    """Return text and tables with changes such as ``{"training.steps": 10}``; the text notes them."""
    table = merge(table, _nested(changes))  # all at once: their order says nothing
    # JSON's numbers, strings, booleans and arrays are TOML's.
    notes = "".join(f"# changed: {key} = {json.dumps(value, default=str)}\n" for key, value in changes.items())
    return notes + text, table


def _nested(changes):
    """Return the tables that keys such as "training.steps" are in."""
    tables = {}
    for key, value in sorted(changes.items(), key=lambda change: change[0].count(".")):  # a table before its keys
        *parts, last = key.split(".")
        table = tables
        for part in parts:
            if not isinstance(table.get(part), dict):
                table[part] = {}
            table = table[part]
        table[last] = copy.deepcopy(value)
    return tables


def complete(table, path):
    """Check the tables of a recipe and return them with the defaults filled in."""
    check(table, path)
    training = TRAINING_DEFAULTS | table["training"]
    lengths = [key for key in ("steps", "epochs") if key in training]
    if len(lengths) != 1:
        found = {key: training[key] for key in lengths}
        msg = f"recipe {path} has {found or 'no length'} in [training]: give either steps or epochs"
        raise ValueError(msg)
    if training["polarity"] and table["observable"] == "continuum":
        msg = f"recipe {path} has training.polarity = true for the continuum, which has none: leave it out"
        raise ValueError(msg)
    return table | {
        "training": training,
        "patches": PATCHES_DEFAULTS | table["patches"],
        "uncertainty": UNCERTAINTY_DEFAULTS | table.get("uncertainty", {}),
    }
