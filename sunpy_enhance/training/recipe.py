"""Recipes: everything that decides a network, in one TOML file."""

import dataclasses
import os

from sunpy_enhance.optics import psf_from_card
from sunpy_enhance.training import _tables
from sunpy_enhance.training.dataset import HELD_OUT_SEEDS, fill_patches

__all__ = ["HELD_OUT_SEEDS", "Recipe", "make_patches", "read_recipe"]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A TOML recipe.

    Attributes
    ----------
    text : str
        As it stands in the card.
    table : dict
        As it was parsed, with the base's keys and the defaults.
    directory : path or None
        Where the file of a measured point spread function is; no other needs it.
    """

    text: str
    table: dict
    directory: os.PathLike | None = None

    def __getitem__(self, key):
        return self.table[key]

    def network(self, **changes):
        """Return the untrained network, with some of its parameters changed.

        Raises
        ------
        ValueError
            Where its kind is neither "hybrid" nor "paper", or has no such parameter.
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
        try:
            return kinds[kind](**parameters, odd=odd, constant=1000.0 if odd else 1.0)
        except TypeError as error:
            msg = f"recipe {self['name']}: [network] does not describe a network of kind {kind!r}: {error}"
            raise ValueError(msg) from error

    def linear(self):
        """Return the linear filter to be fitted: what the network is measured against, whatever its kind."""
        from sunpy_enhance.training.networks import Hybrid

        odd = self["observable"] == "magnetogram"
        sides = {key: value for key, value in self["network"].items() if key in ("narrow", "wide", "dilation")}
        return Hybrid(channels=0, **sides, odd=odd, constant=1000.0 if odd else 1.0)

    def optics(self):
        """Return the point spread functions that the network removes and that it leaves.

        Raises
        ------
        ValueError
            Where a PSF has no such parameter.
        """
        psfs = []
        for name in ("psf", "target"):
            where = {"directory": self.directory} if self[name].get("kind") == "measured" else {}
            try:
                psfs.append(psf_from_card(**self[name], **where))
            except TypeError as error:
                msg = f"recipe {self['name']}: [{name}] does not describe a point spread function: {error}"
                raise ValueError(msg) from error
        return tuple(psfs)

    @property
    def round(self):
        """Whether both point spread functions are, so that the Sun may be turned under them by any angle."""
        return all(getattr(psf, "round", True) for psf in self.optics())

    @property
    def symmetric(self):
        """Whether both point spread functions stay as they are when they are mirrored or transposed."""
        return all(getattr(psf, "round", True) or getattr(psf, "symmetric", False) for psf in self.optics())

    def sampling(self):
        """Return the keyword arguments of `~sunpy_enhance.training.patches.sample_patches` that it decides."""
        psf, target = self.optics()
        return {
            "psf": psf,
            "target": target,
            "plate_scale": self["plate_scale"],
            "size": self["patches"]["size"],
            # The linear filter is fitted to the same patches, and may see farther than the network.
            "halo": max(self.network().halo, self.linear().halo),
            "turn": self["patches"]["turn"] and self.round,
        }


def read_recipe(path, *, changes=None, directory=None):
    """Read a recipe.

    With ``base = "other.toml"`` a recipe is another one, but for what it says itself: its tables override the base's
    key by key, its arrays of tables (``[[files]]``, ``[[synthetic]]``) replace the base's as a whole. A table with
    another ``kind`` replaces the base's, too, and ``epochs`` replaces ``steps``; and ``patches.number`` and
    ``patches.test_number`` are not inherited by a recipe with scenes of its own. The base is looked for beside the
    recipe, then among those of the shipped networks, where its name is enough.

    Parameters
    ----------
    path : path
        A TOML file, or the name of one of those of the shipped networks, in ``sunpy_enhance/training/recipes``.
    changes : dict, optional
        Keys to be overridden, such as ``{"training.steps": 10}``.
    directory : path, optional
        Where the file of a measured point spread function is; no other needs it.

    Returns
    -------
    `Recipe`
        Its text is the file's, then the base's; changes stand first, as comments.

    Raises
    ------
    FileNotFoundError
        Where there is no such recipe or base.
    ValueError
        Where a key is missing or unknown, or a value is none that it can have.
    """
    text, table = _tables.read(_tables.find(path))
    text, table = _tables.change(text, table, changes or {})
    return Recipe(text, _tables.complete(table, path), directory)


def make_patches(recipe, directory, *, workers=1, progress=True):
    """Make the patches of a recipe in memory.

    Parameters
    ----------
    recipe : `Recipe`
    directory : path or None
        Where the recipe's files are.
    workers : int
        Processes that make the patches, see `~sunpy_enhance.training.dataset.fill_patches`.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    train, held_out : `~sunpy_enhance.training.patches.Patches`
    """
    return fill_patches(recipe, directory, workers=workers, progress=progress)
