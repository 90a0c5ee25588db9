"""What each key of a recipe is, and a check of its value."""

import math

__all__ = ["KEYS", "NEEDED", "check", "check_values"]


def _number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _list_of(value, kind):
    return isinstance(value, list | tuple) and all(map(kind, value))


def _text(value):
    return isinstance(value, str)


def _plain(value):
    return _number(value) or isinstance(value, str | bool) or _list_of(value, _number)


# What an error calls a kind of value, and how it is known.
_KINDS = {
    "text": ("a text", _text),
    "flag": ("true or false", lambda value: isinstance(value, bool)),
    "table": ("a table", lambda value: isinstance(value, dict)),
    "psf": (
        "a table of numbers, texts and lists of numbers",
        lambda value: isinstance(value, dict) and all(map(_plain, value.values())),
    ),
    "number": ("a number", _number),
    "positive": ("a positive number", lambda value: _number(value) and value > 0),
    "not negative": ("a number of at least 0", lambda value: _number(value) and value >= 0),
    "part": ("a number between 0 and 1", lambda value: _number(value) and 0 <= value <= 1),
    "signed part": ("a number between -1 and 1", lambda value: _number(value) and -1 <= value <= 1),
    "mu": ("a number above 0 and at most 1", lambda value: _number(value) and 0 < value <= 1),
    "count": ("a positive integer", lambda value: _integer(value) and value > 0),
    "size": ("an integer of at least 6", lambda value: _integer(value) and value >= 6),
    "natural": ("an integer of at least 0", lambda value: _integer(value) and value >= 0),
    "odd": ("an odd positive integer", lambda value: _integer(value) and value > 0 and value % 2 == 1),
    "odd or 0": ("an odd positive integer, or 0", lambda value: value == 0 or _KINDS["odd"][1](value)),
    "range": (
        "two positive numbers, the smaller first",
        lambda value: _list_of(value, _number) and len(value) == 2 and 0 < value[0] <= value[1],
    ),
    "counts": ("a list of positive integers", lambda value: _list_of(value, _KINDS["count"][1])),
    "shape": ("two positive integers", lambda value: _list_of(value, _KINDS["count"][1]) and len(value) == 2),
    "texts": ("a list of texts", lambda value: _list_of(value, _text)),
    "text or table": ("a text, or a table of texts", lambda value: isinstance(value, str | dict)),
    "text or number": ("a number, or a text with its unit", lambda value: isinstance(value, str) or _number(value)),
    "text or natural": ("a name or a number", lambda value: isinstance(value, str) or _KINDS["natural"][1](value)),
    "level": ('a positive number or "mean"', lambda value: value == "mean" or _KINDS["positive"][1](value)),
    "axis": ('0, 1 or "time"', lambda value: value == "time" or (_integer(value) and value in (0, 1))),
    "direction": ("0, 1 or 2", lambda value: _integer(value) and value in (0, 1, 2)),
    "weights": (
        "a table of positive numbers",
        lambda value: isinstance(value, dict) and all(map(_KINDS["positive"][1], value.values())),
    ),
    "observable": ('"continuum" or "magnetogram"', lambda value: value in ("continuum", "magnetogram")),
    "schedule": ('"onecycle" or "constant"', lambda value: value in ("onecycle", "constant")),
    "loss": ('"weighted" or "mse"', lambda value: value in ("weighted", "mse")),
}

_SCENE = {"scenes": "natural", "patches": "natural", "test_patches": "natural", "zoom": "range", "gain": "range"}
# The keys of [psf] and [target] are those of the point spread functions, which check them.
KEYS = {
    "": {
        "name": "text",
        "version": "text",
        "observable": "observable",
        "seed": "natural",
        "noise": "positive",
        "plate_scale": "positive",
        "psf": "psf",
        "target": "psf",
        "instrument": "text",
        "licence": "text",
        "citation": "text",
    },
    "network": {
        "kind": "text",
        "channels": "natural",
        "blocks": "natural",
        "layers": "natural",
        "narrow": "odd",
        "wide": "odd or 0",
        "dilation": "count",
        "dilations": "counts",
        "start": "text",
    },
    "patches": {"size": "size", "number": "count", "test_number": "count", "turn": "flag", "blur": "range"},
    "training": {
        "steps": "count",
        "epochs": "count",
        "batch": "count",
        "learning_rate": "positive",
        "schedule": "schedule",
        "loss": "loss",
        "linear_rate": "not negative",
        "average": "part",
        "consistency": "not negative",
        "mean": "not negative",
        "floor": "not negative",
        "patch": "not negative",
        "local": "not negative",
        "local_floor": "not negative",
        "local_box": "odd",
        "quiet": "not negative",
        "l2": "not negative",
        "clip": "not negative",
        "flips": "flag",
        "polarity": "flag",
        "weights": "weights",
        "fit_patches": "count",
        "bfloat16": "flag",
        "float32": "part",
        "checkpoint": "count",
    },
    "uncertainty": {
        "steps": "natural",
        "channels": "count",
        "batch": "count",
        "learning_rate": "positive",
        "without": "texts",
    },
    "files": _SCENE
    | {
        "file": "text",
        "sha256": "text or table",
        "source": "text",
        "licence": "text",
        "extension": "text or natural",
        "dataset": "text",
        "prepare": "text",
        "held_out": "signed part",
        "axis": "axis",
        "time_gap": "natural",
        "plate_scale": "text or number",
        "grid": "text or number",
        "distance": "text or number",
        "unit": "text",
        "level": "level",
        "periodic": "flag",
        "vertical": "direction",
        "log_tau": "number",
    },
    "synthetic": _SCENE | {"kind": "text", "test_scenes": "natural", "mu": "mu", "shape": "shape"},
}
_FIRST = ("name", "version", "observable", "seed", "noise", "plate_scale", "psf", "target")
NEEDED = {
    "": (*_FIRST, "network", "patches", "training"),
    "patches": ("size",),
    "training": ("batch", "learning_rate"),
    "files": ("file", "scenes", "patches", "test_patches"),
    "synthetic": ("kind", "scenes", "patches", "test_scenes", "test_patches"),
}
_SEVERAL = ("files", "synthetic")


def check(table, path):
    """Check every key of a recipe, and its value.

    Parameters
    ----------
    table : dict
        The tables of the recipe.
    path : path
        Of the recipe, for the messages.

    Raises
    ------
    ValueError
        Where a key is missing or unknown, or its value is none that it can have.
    """
    entries = {"": [{key: value for key, value in table.items() if key not in KEYS or key == ""}]}
    for name in KEYS.keys() & table.keys():
        entries[name] = table[name] if name in _SEVERAL else [table[name]]
        if not isinstance(entries[name], list) or not all(isinstance(entry, dict) for entry in entries[name]):
            header = f"[[{name}]]" if name in _SEVERAL else f"[{name}]"
            msg = f"recipe {path}: {name} is {table[name]!r}, expected a table: write it as {header}"
            raise ValueError(msg)
    _check_names(table, entries, path)
    for name, of_table in entries.items():
        for entry in of_table:
            check_values(entry, KEYS[name], name, f"recipe {path}")


def check_values(table, kinds, name, where):
    """Check the values of one table, whose keys are known.

    Parameters
    ----------
    table : dict
    kinds : dict
        {key: kind of its value}, as in `KEYS`.
    name, where : str
        What the table is called, or "", and where it stands: for the messages.

    Raises
    ------
    ValueError
        Where a value is none that its key can have.
    """
    for key, value in table.items():
        what, is_one = _KINDS[kinds[key]]
        if not is_one(value):
            msg = f"{where}: {_full(name, key)} is {value!r}, expected {what}"
            raise ValueError(msg)


def _full(name, key):
    return f"{name}.{key}" if name else key


def _check_names(table, entries, path):
    """Raise where keys are unknown or missing."""
    unknown = {_full(name, key) for name in entries for entry in entries[name] for key in entry.keys() - KEYS[name]}
    if unknown:
        msg = f"recipe {path} has the unknown keys {sorted(unknown)}: correct or remove them"
        raise ValueError(msg)
    for name, needed in NEEDED.items():
        for entry in entries.get(name, []) if name else [table]:
            if missing := sorted(set(needed) - entry.keys()):
                where = f" in {f'[[{name}]]' if name in _SEVERAL else f'[{name}]'}" if name else ""
                msg = f"recipe {path} lacks {missing}{where}: see the recipes in sunpy_enhance/training/recipes"
                raise ValueError(msg)
