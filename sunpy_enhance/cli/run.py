"""``sunpy-enhance run``: enhance FITS files."""

import contextlib
from pathlib import Path

from sunpy_enhance._files import complete_file, with_home
from sunpy_enhance.cli._options import at_least_one, refuse_folder

__all__ = ["add_batch_options", "add_to", "batch_options", "client_for", "prepare_table", "tell"]


def add_to(commands):
    """Add the command."""
    run = commands.add_parser("run", help="enhance FITS files")
    run.add_argument("files", nargs="+", metavar="FILE", help="a FITS file, a pattern, or a folder of them")
    run.add_argument("--outdir", type=with_home, default=Path(), metavar="DIR", help="default: here")
    add_batch_options(run)
    run.set_defaults(function=_run)


def add_batch_options(parser):
    """Add the options of `sunpy_enhance.enhance_files`."""
    parser.add_argument(
        "--model", help="a shipped or published name, or the path of an .onnx file; default: by the observable"
    )
    parser.add_argument("--limb", choices=("mask", "enhance", "nan"), default="mask")
    parser.add_argument("--device", choices=("auto", "cuda", "cpu"), default="auto")
    parser.add_argument("--uncertainty", action="store_true", help="with the standard deviation of each pixel")
    parser.add_argument("--overwrite", action="store_true", help="replace outputs, whatever they are")
    parser.add_argument("--no-pictures", action="store_true", help="no PNG beside each output")
    parser.add_argument("--residual", action="store_true", help="re-degrade each result and compare it with its input")
    parser.add_argument("--table", type=with_home, metavar="FILE", help="write what became of each file as ECSV")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers", type=at_least_one, default=1, metavar="N", help="processes on this machine; default: 1"
    )
    where.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster, such as tcp://10.0.0.1:8786")


def batch_options(options):
    """Return the options of the command line as arguments of `sunpy_enhance.enhance_files`."""
    names = ("model", "limb", "device", "uncertainty", "overwrite", "residual")
    return {name: getattr(options, name) for name in names} | {"pictures": not options.no_pictures}


def client_for(options):
    """Return a context with a Dask client, or with None where this process does the work."""
    if options.scheduler is None and options.workers == 1:
        return contextlib.nullcontext()
    from sunpy_enhance._cluster import client_of, local_client

    return local_client(options.workers) if options.scheduler is None else client_of(options.scheduler)


def prepare_table(path):
    """Make the folder of a table, before the work that the table is about."""
    refuse_folder("--table", path)
    if path.exists():
        with path.open("rb") as stream:
            beginning = stream.read(7)
        if beginning not in (b"", b"# %ECSV"):
            msg = f"--table {path} exists and is no table in ECSV: give another name"
            raise FileExistsError(msg)
    path.parent.mkdir(parents=True, exist_ok=True)


def tell(table):
    """Print what became of each file."""
    for row in table[table["status"] != "failed"]:  # of the others it was told when they failed
        residual = f", residual {row['residual']:.4g} {row['unit']}" if row["residual"] >= 0 else ""
        output = f" -> {row['output']}" if row["output"] else ""
        print(f"{row['input']}{output}: {row['message']}{residual}, {row['seconds'].value:.1f} s")
    if len(table) > 1:
        counts = {status: (table["status"] == status).sum() for status in ("enhanced", "skipped", "failed")}
        print(", ".join(f"{count} {status}" for status, count in counts.items()))


def _run(options):
    from sunpy_enhance import enhance_files

    if options.table:
        prepare_table(options.table)
    with client_for(options) as client:
        table = enhance_files(options.files, options.outdir, client=client, **batch_options(options))
    tell(table)
    if options.table:
        with complete_file(options.table) as temporary:
            table.write(temporary, format="ascii.ecsv", overwrite=True)
    return 1 if (table["status"] == "failed").any() else 0
