"""``sunpy-enhance train | dataset``: networks from recipes, and the patches that they learn from."""

import tomllib
from pathlib import Path

from sunpy_enhance._extras import telling_the_extra
from sunpy_enhance._files import with_home
from sunpy_enhance.cli._options import at_least_one

__all__ = ["add_to"]


def add_to(commands):
    """Add the commands."""
    train = commands.add_parser("train", help="train a network from a recipe (needs the extra 'training')")
    _add_recipe(train)
    train.add_argument("--out", type=with_home, metavar="FILE", help="default: NAME.onnx")
    train.add_argument("--dataset", type=with_home, metavar="FILE", help="patches in HDF5; made and kept if not there")
    train.add_argument("--device", default="auto", help="auto, cpu, cuda or another of PyTorch's; default: auto")
    train.set_defaults(function=_train)

    dataset = commands.add_parser("dataset", help="write the patches of a recipe to an HDF5 file")
    _add_recipe(dataset)
    dataset.add_argument("--out", type=with_home, metavar="FILE", help="default: NAME.hdf5")
    dataset.set_defaults(function=_dataset)


def _add_recipe(parser):
    parser.add_argument("recipe", type=with_home, help="a TOML file, or the name of a shipped recipe")
    parser.add_argument("--data", type=with_home, metavar="DIR", help="where the recipe's files are")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a key of the recipe, such as training.steps=10; the value is TOML; may be repeated",
    )
    parser.add_argument(
        "--workers", type=at_least_one, default=1, metavar="N", help="processes that make the patches; default: 1"
    )


def _changes(lines):
    """Return what --set asks for, such as {"training.steps": 10}."""
    changes = {}
    for line in lines:
        key, _, value = line.partition("=")
        try:
            changes[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError as error:
            msg = f"--set {line} is not KEY=VALUE with a TOML value ({error}): write --set 'training.loss=\"mse\"'"
            raise ValueError(msg) from error
    return changes


def _train(options):
    with telling_the_extra("training"):
        from sunpy_enhance.training.train import train_and_export

    out = options.out or Path(f"{options.recipe.stem}.onnx")
    card = train_and_export(
        options.recipe,
        options.data,
        out,
        device=options.device,
        changes=_changes(options.set),
        dataset=options.dataset,
        workers=options.workers,
    )
    print(f"{out}: {card.name} {card.version}, halo {card.halo} pixels, mu >= {card.mu_validated:g}")
    return 0


def _dataset(options):
    with telling_the_extra("training"):
        import h5py  # noqa: F401 (only to say early that it is missing)
        import torch  # noqa: F401

        from sunpy_enhance.training.recipe import read_recipe
        from sunpy_enhance.training.storage import write_dataset

    recipe = read_recipe(options.recipe, changes=_changes(options.set), directory=options.data)
    out = options.out or Path(f"{options.recipe.stem}.hdf5")
    write_dataset(recipe, options.data, out, workers=options.workers)
    print(f"{out}: the patches of {recipe['name']}, {out.stat().st_size / 1e6:.0f} MB")
    return 0
