"""The command line: ``sunpy-enhance run | models | demo | dataset | train``."""

import argparse
import contextlib
import sys
import time
import tomllib
import warnings
from pathlib import Path

import numpy as np

__all__ = ["main"]


def _parser():
    parser = argparse.ArgumentParser(
        prog="sunpy-enhance", description="Deconvolve and super-resolve SDO/HMI continuum images and magnetograms."
    )
    commands = parser.add_subparsers(dest="command", required=True)

    run = commands.add_parser("run", help="enhance FITS files")
    run.add_argument("files", nargs="+", type=Path, metavar="FILE")
    run.add_argument("--outdir", type=Path, default=Path(), metavar="DIR", help="default: here")
    run.add_argument("--model", help="a shipped name or the path of an .onnx file; default: by the observable")
    run.add_argument("--limb", choices=("mask", "enhance", "nan"), default="mask")
    run.add_argument("--device", choices=("auto", "cuda", "cpu"), default="auto")
    run.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    run.set_defaults(function=_run)

    models = commands.add_parser("models", help="show the cards of the networks")
    models.set_defaults(function=_models)

    demo = commands.add_parser("demo", help="make a synthetic sunspot, enhance it and compare with the truth")
    demo.add_argument("--outdir", type=Path, default=Path("sunpy-enhance-demo"), metavar="DIR")
    demo.set_defaults(function=_demo)

    train = commands.add_parser("train", help="train a network from a recipe (needs the extra 'training')")
    _add_recipe(train)
    train.add_argument("--out", type=Path, metavar="FILE", help="default: NAME.onnx")
    train.add_argument("--dataset", type=Path, metavar="FILE", help="patches in HDF5; made and kept if not there")
    train.add_argument("--device", default="auto", help="auto, cpu, cuda or another of PyTorch's; default: auto")
    train.set_defaults(function=_train)

    dataset = commands.add_parser("dataset", help="write the patches of a recipe to an HDF5 file")
    _add_recipe(dataset)
    dataset.add_argument("--out", type=Path, metavar="FILE", help="default: NAME.hdf5")
    dataset.set_defaults(function=_dataset)
    return parser


def _add_recipe(parser):
    parser.add_argument("recipe", type=Path, help="a TOML file, or the name of a shipped recipe")
    parser.add_argument("--data", type=Path, metavar="DIR", help="where the recipe's files are")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a key of the recipe, such as training.steps=10; the value is TOML; may be repeated",
    )


def main(arguments=None):
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, optional
        Default: those of the process.

    Returns
    -------
    int
        0, or 1 where a file could not be enhanced.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.function(options)
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        print(f"sunpy-enhance: {error}", file=sys.stderr)
        return 1


def _read(path):
    from astropy.io.fits.verify import VerifyWarning

    import sunpy.map
    from sunpy.map.map_factory import NoMapsInFileError
    from sunpy.map.mapbase import MapMetaValidationError

    with warnings.catch_warnings():
        # JSOC writes 'nan' and lower-case exponents into its headers; astropy mends them and says so at length.
        warnings.simplefilter("ignore", VerifyWarning)
        try:
            smap = sunpy.map.Map(path)
        except (MapMetaValidationError, NoMapsInFileError) as error:
            reason = str(error).partition("\n")[0]
            msg = f"{path} is no solar image with a full header ({reason}): use a file as JSOC or VSO deliver it"
            raise ValueError(msg) from error
    if isinstance(smap, list):
        msg = f"{path} has {len(smap)} images, expected one: save the one that is to be enhanced in a file of its own"
        raise ValueError(msg)
    return smap


def _write(smap, path):
    """Write a FITS file that appears only when it is complete."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        smap.save(temporary, filetype="fits", overwrite=True)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _describe(smap, enhanced):
    """Return what changed, in a few words."""
    flagged = 0 if enhanced.mask is None else enhanced.mask.mean()
    shape = " x ".join(str(n) for n in enhanced.data.shape)
    before, after = (np.nanstd(one.data) for one in (smap, enhanced))
    return (
        f"{smap.measurement}, {shape} pixels on {enhanced.meta['enhdev']}, standard deviation "
        f"{before:.4g} -> {after:.4g} {smap.unit or ''}, {flagged:.1%} flagged"
    )


def _run(options):
    from tqdm import tqdm

    from . import enhance_map
    from ._figures import before_after

    options.outdir.mkdir(parents=True, exist_ok=True)
    failed = 0
    for path in tqdm(options.files, unit="file", disable=len(options.files) == 1):
        out = options.outdir / f"{path.name.removesuffix('.gz').removesuffix('.fits')}_enhanced.fits"
        if out.exists() and not options.overwrite:
            tqdm.write(f"{path}: {out} exists, skipped (--overwrite replaces it)")
            continue
        start = time.perf_counter()
        try:
            smap = _read(path)
            enhanced = enhance_map(smap, model=options.model, limb=options.limb, device=options.device, progress=True)
            _write(enhanced, out)
            before_after(smap, enhanced, out.with_suffix(".png"))
        except (OSError, TypeError, ValueError, RuntimeError) as error:
            failed += 1
            tqdm.write(f"{path}: not enhanced: {error}")
            continue
        tqdm.write(f"{path} -> {out}: {_describe(smap, enhanced)}, {time.perf_counter() - start:.1f} s")
    return 1 if failed else 0


def _models(options):  # noqa: ARG001 (one signature for all)
    from . import available_models

    for name, card in available_models().items():
        takes = "I / quiet Sun" if card.normalisation == "quiet_sun" else card.unit
        print(
            f"{name} {card.version}: HMI {card.observable} ({takes}), {card.plate_scale} arcsec/pixel, x{card.scale}; "
            f"mu >= {card.mu_validated:g}; halo {card.halo} pixels; licence {card.licence}"
        )
        if name.endswith("-linear"):
            print(f"  the linear filter that {name.removesuffix('-linear')} is measured against")
            continue
        methods = (name, "linear", "bicubic")
        print(f"  {'RMS error, held out':<22}" + "".join(f"{method:>22}" for method in methods))
        for source, results in card.metrics.items():
            print(f"  {source:<22}" + "".join(f"{_cell(results[method], card):>22}" for method in methods))
    return 0


def _cell(figures, card):
    rms = f"{figures['rms']:.1f} G" if card.unit == "G" else f"{100 * figures['rms']:.2f} %"
    return f"{rms}, {figures['psnr']:.1f} dB"


def _demo(options):
    from . import enhance_map
    from ._figures import before_after
    from .demo import compare, demo_maps

    options.outdir.mkdir(parents=True, exist_ok=True)
    print("Making a synthetic sunspot as HMI sees it, with full HMI headers ...")
    for smap in demo_maps():
        start = time.perf_counter()
        enhanced = enhance_map(smap)
        seconds = time.perf_counter() - start
        name = smap.measurement
        _write(smap, options.outdir / f"{name}.fits")
        _write(enhanced, options.outdir / f"{name}_enhanced.fits")
        before_after(smap, enhanced, options.outdir / f"{name}_enhanced.png")
        print(f"\n{name}: {_describe(smap, enhanced)}, {seconds:.1f} s")
        for line in compare(smap, enhanced):
            print(f"  {line}")
    print(f"\nFITS files and pictures are in {options.outdir.resolve()}")
    return 0


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


@contextlib.contextmanager
def _telling_the_extra():
    """Say how to get what training imports, where it is not installed."""
    try:
        yield
    except ImportError as error:
        msg = f"{error.name} is not installed: pip install 'sunpy_enhance[training]'"
        raise ImportError(msg) from error


def _train(options):
    with _telling_the_extra():
        from .training.train import train_and_export

    out = options.out or Path(f"{options.recipe.stem}.onnx")
    card = train_and_export(
        options.recipe,
        options.data,
        out,
        device=options.device,
        changes=_changes(options.set),
        dataset=options.dataset,
    )
    print(f"{out}: {card.name} {card.version}, halo {card.halo} pixels, mu >= {card.mu_validated:g}")
    return 0


def _dataset(options):
    with _telling_the_extra():
        import h5py  # noqa: F401 (only to say early that it is missing)
        import torch  # noqa: F401

        from .training.recipe import read_recipe
        from .training.storage import write_dataset

    recipe = read_recipe(options.recipe, changes=_changes(options.set), directory=options.data)
    out = options.out or Path(f"{options.recipe.stem}.hdf5")
    write_dataset(recipe, options.data, out)
    print(f"{out}: the patches of {recipe['name']}, {out.stat().st_size / 1e6:.0f} MB")
    return 0
