"""``sunpy-enhance run``: enhance FITS files."""

import contextlib
from pathlib import Path

__all__ = ["add_batch_options", "add_to", "report"]


def add_to(commands):
    """Add the command."""
    run = commands.add_parser("run", help="enhance FITS files")
    run.add_argument("files", nargs="+", metavar="FILE", help="a FITS file, a pattern, or a folder of them")
    run.add_argument("--outdir", type=Path, default=Path(), metavar="DIR", help="default: here")
    add_batch_options(run)
    run.set_defaults(function=_run)


def add_batch_options(parser):
    """Add the options of `sunpy_enhance.enhance_files`."""
    parser.add_argument("--model", help="a shipped name or the path of an .onnx file; default: by the observable")
    parser.add_argument("--limb", choices=("mask", "enhance", "nan"), default="mask")
    parser.add_argument("--device", choices=("auto", "cuda", "cpu"), default="auto")
    parser.add_argument("--overwrite", action="store_true", help="replace outputs, whatever they are")
    parser.add_argument("--no-pictures", action="store_true", help="no PNG beside each output")
    parser.add_argument("--residual", action="store_true", help="re-degrade each result and compare it with its input")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write what became of each file as ECSV")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", type=int, default=1, metavar="N", help="processes on this machine; default: 1")
    where.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster, such as tcp://10.0.0.1:8786")


def report(options, files):
    """Enhance files as the options say, print what became of each, and return 1 where one failed."""
    from sunpy_enhance import enhance_files

    with _client(options.scheduler) as client:
        table = enhance_files(
            files,
            options.outdir,
            client=client,
            workers=options.workers,
            model=options.model,
            limb=options.limb,
            device=options.device,
            overwrite=options.overwrite,
            residual=options.residual,
            pictures=not options.no_pictures,
        )
    for row in table:
        if row["status"] == "failed":
            continue  # told when it happened
        residual = f", residual {row['residual']:.4g} {row['unit']}" if row["residual"] >= 0 else ""
        print(f"{row['input']} -> {row['output']}: {row['message']}{residual}, {row['seconds'].value:.1f} s")
    if len(table) > 1:
        count = {status: int((table["status"] == status).sum()) for status in ("enhanced", "skipped", "failed")}
        print(", ".join(f"{number} {status}" for status, number in count.items()))
    if options.table:
        table.write(options.table, format="ascii.ecsv", overwrite=True)
    return 1 if (table["status"] == "failed").any() else 0


def _client(address):
    """Return a client of a cluster, or a context without one."""
    if address is None:
        return contextlib.nullcontext()
    from sunpy_enhance._cluster import client_of

    return client_of(address)


def _run(options):
    return report(options, options.files)
