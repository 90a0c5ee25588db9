"""``sunpy-enhance run``: enhance FITS files."""

import time
from pathlib import Path

from sunpy_enhance._files import read_map, write_map
from sunpy_enhance.cli._lines import describe

__all__ = ["add_to"]


def add_to(commands):
    """Add the command."""
    run = commands.add_parser("run", help="enhance FITS files")
    run.add_argument("files", nargs="+", type=Path, metavar="FILE")
    run.add_argument("--outdir", type=Path, default=Path(), metavar="DIR", help="default: here")
    run.add_argument("--model", help="a shipped name or the path of an .onnx file; default: by the observable")
    run.add_argument("--limb", choices=("mask", "enhance", "nan"), default="mask")
    run.add_argument("--device", choices=("auto", "cuda", "cpu"), default="auto")
    run.add_argument("--uncertainty", action="store_true", help="with the standard deviation of each pixel")
    run.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    run.set_defaults(function=_run)


def _run(options):
    from tqdm import tqdm

    from sunpy_enhance import enhance_map
    from sunpy_enhance._figures import before_after

    options.outdir.mkdir(parents=True, exist_ok=True)
    failed = 0
    for path in tqdm(options.files, unit="file", disable=len(options.files) == 1):
        out = options.outdir / f"{path.name.removesuffix('.gz').removesuffix('.fits')}_enhanced.fits"
        if out.exists() and not options.overwrite:
            tqdm.write(f"{path}: {out} exists, skipped (--overwrite replaces it)")
            continue
        start = time.perf_counter()
        try:
            smap = read_map(path)
            enhanced = enhance_map(
                smap,
                model=options.model,
                limb=options.limb,
                uncertainty=options.uncertainty,
                device=options.device,
                progress=True,
            )
            write_map(enhanced, out)
            before_after(smap, enhanced, out.with_suffix(".png"))
        except (OSError, TypeError, ValueError, RuntimeError) as error:
            failed += 1
            tqdm.write(f"{path}: not enhanced: {error}")
            continue
        tqdm.write(f"{path} -> {out}: {describe(smap, enhanced)}, {time.perf_counter() - start:.1f} s")
    return 1 if failed else 0
