"""Recipes: everything that decides a network, in one TOML file."""

import dataclasses
import tomllib
from pathlib import Path

import numpy as np
from tqdm import tqdm

from sunpy_enhance.optics import psf_from_card
from sunpy_enhance.training.dataset import Patches, sample_patches
from sunpy_enhance.training.sources import read_truth, synthetic_truth

__all__ = ["HELD_OUT_SEEDS", "Recipe", "make_patches", "read_recipe"]

# Scenes that are held out take their seeds from here on, those for training from 0 on.
HELD_OUT_SEEDS = 1_000_000

_NEEDED = {"name", "version", "observable", "seed", "noise", "plate_scale"}
_NEEDED |= {"psf", "target", "network", "patches", "training"}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A TOML recipe: ``text`` as it stands in the card, ``table`` as it was parsed."""

    text: str
    table: dict

    def __getitem__(self, key):
        return self.table[key]

    def network(self, **changes):
        """Return the untrained network, with some of its parameters changed.

        Raises
        ------
        ValueError
            Where its kind is neither "hybrid" nor "paper".
        """
        from sunpy_enhance.training.networks import Hybrid
        from sunpy_enhance.training.paper import Paper

        kinds = {"hybrid": Hybrid, "paper": Paper}
        parameters = {"kind": "hybrid"} | self["network"] | changes
        kind = parameters.pop("kind")
        if kind not in kinds:
            msg = f"recipe {self['name']}: [network] kind is {kind!r}, expected one of {sorted(kinds)}"
            raise ValueError(msg)
        odd = self["observable"] == "magnetogram"
        return kinds[kind](**parameters, odd=odd, constant=1000.0 if odd else 1.0)

    def sampling(self):
        """Return the keyword arguments of `~sunpy_enhance.training.dataset.sample_patches` that it decides."""
        return {
            "psf": psf_from_card(**self["psf"]),
            "target": psf_from_card(**self["target"]),
            "plate_scale": self["plate_scale"],
            "size": self["patches"]["size"],
            "halo": self.network().halo,
        }


def read_recipe(path):
    """Read a recipe.

    Parameters
    ----------
    path : path
        A TOML file; those of the shipped networks are in ``sunpy_enhance/training/recipes``.

    Returns
    -------
    `Recipe`

    Raises
    ------
    ValueError
        Where a table or key is missing.
    """
    text = Path(path).read_text(encoding="utf-8")
    table = tomllib.loads(text)
    if missing := _NEEDED - set(table):
        msg = f"recipe {path} lacks {sorted(missing)}: see the recipes in sunpy_enhance/training/recipes"
        raise ValueError(msg)
    return Recipe(text, table)


def make_patches(recipe, directory, *, progress=True):
    """Make the patches of a recipe.

    Parameters
    ----------
    recipe : `Recipe`
    directory : path or None
        Where the recipe's files are.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    train, held_out : `Patches`
    """
    observable, entries = recipe["observable"], recipe.table.get("files", [])
    files = [(entry, *read_truth(directory, entry, observable=observable)) for entry in entries]
    sampling = recipe.sampling()
    train, held_out = [], []
    rng = np.random.default_rng(recipe["seed"])

    def cut(truths, number, entry, parts, *, augment):
        ranges = {key: entry[key] for key in ("zoom", "gain") if key in entry and augment}
        for truth in truths if number else []:
            parts.append(sample_patches(truth, number, rng=rng, **sampling, **ranges))

    for entry, for_training, for_test in tqdm(files, desc="files", disable=not progress):
        for _ in range(entry["scenes"]):
            cut(for_training, entry["patches"], entry, train, augment=True)
        cut(for_test, entry["test_patches"], entry, held_out, augment=False)
    for entry in recipe.table.get("synthetic", []):
        kind, low = entry["kind"], entry.get("mu", 1.0)
        for seed in tqdm(range(entry["scenes"]), desc=kind, disable=not progress):
            truth = synthetic_truth(recipe["observable"], kind, seed=seed, mu=rng.uniform(low, 1))
            cut([truth], entry["patches"], entry, train, augment=True)
        for seed in range(entry["test_scenes"]):
            truth = synthetic_truth(recipe["observable"], kind, seed=HELD_OUT_SEEDS + seed)
            cut([truth], entry["test_patches"], entry, held_out, augment=False)
    return Patches.join(train), Patches.join(held_out)
