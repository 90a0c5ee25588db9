"""``sunpy-enhance fetch``: download HMI data through Fido and enhance them as they arrive."""

import contextlib
import os
from pathlib import Path

from sunpy_enhance._files import with_home
from sunpy_enhance.cli._options import at_least_one, time
from sunpy_enhance.cli.run import add_batch_options, batch_options, client_for, prepare_table, tell

__all__ = ["add_to"]

# Options whose values make another task, of which no piece is done.
_TASK = ("series", "cadence", "cutout", "track", "model", "limb", "uncertainty", "residual", "no_pictures")


def add_to(commands):
    """Add the command."""
    fetch = commands.add_parser(
        "fetch",
        help="download HMI data of a period and enhance them as they arrive",
        description="Search through Fido, download piece by piece, and enhance each piece while the next one comes. "
        "Run again after a crash, it leaves out the pieces that are done.",
    )
    fetch.add_argument("--start", type=time, required=True, metavar="TIME", help="such as 2024-05-01T00:00 (UTC)")
    fetch.add_argument("--end", type=time, required=True, metavar="TIME")
    fetch.add_argument("--series", required=True, help="of the JSOC, such as hmi.Ic_45s or hmi.M_720s")
    fetch.add_argument("--cadence", type=float, metavar="SECONDS", help="one image in so many; default: all")
    fetch.add_argument(
        "--email",
        default=os.environ.get("JSOC_EMAIL") or None,  # scripts unset it by making it empty
        help="registered with the JSOC; default: JSOC_EMAIL of the environment. Without it the VSO is asked",
    )
    fetch.add_argument(
        "--cutout",
        nargs=4,
        type=float,
        metavar=("LON", "LAT", "WIDTH", "HEIGHT"),
        help="centre and size in arcsec, helioprojective; needs --email",
    )
    fetch.add_argument("--track", action="store_true", help="let the cutout follow the rotation of the Sun")
    fetch.add_argument("--outdir", type=with_home, default=Path(), metavar="DIR", help="default: here")
    fetch.add_argument("--originals", type=with_home, metavar="DIR", help="default: originals in the output folder")
    kept = fetch.add_mutually_exclusive_group()
    kept.add_argument("--keep", action="store_true", help="keep the originals (the default)")
    kept.add_argument("--delete", action="store_true", help="delete each original once it is enhanced")
    fetch.add_argument("--piece", type=at_least_one, default=100, metavar="N", help="images in a piece; default: 100")
    add_batch_options(fetch)
    fetch.set_defaults(function=_fetch)


def _request(options):
    import astropy.units as u

    from sunpy_enhance._fetch import Request

    return Request(
        start=options.start,
        end=options.end,
        series=options.series,
        cadence=None if options.cadence is None else options.cadence * u.s,
        email=options.email,
        cutout=None if options.cutout is None else options.cutout * u.arcsec,
        track=options.track,
    )


def _fetch(options):
    from sunpy_enhance import enhance_files
    from sunpy_enhance._fetch import arriving
    from sunpy_enhance._pieces import Record

    request = _request(options)
    originals = options.originals or options.outdir / "originals"
    path = options.table or options.outdir / f"fetched_{options.series}.ecsv"
    prepare_table(path)
    record = Record(path, {name: getattr(options, name) for name in _TASK}, anew=options.overwrite)
    pieces = request.pieces(options.piece)
    missing = [piece for piece in pieces if options.overwrite or not record.has(piece, options.model)]
    if len(missing) < len(pieces):
        print(f"{len(pieces) - len(missing)} of {len(pieces)} pieces are done")
    with (
        client_for(options) as client,
        contextlib.closing(arriving(request, missing, originals)) as results,
    ):
        for piece, files in results:
            table = enhance_files(files, options.outdir, client=client, **batch_options(options))
            tell(table)
            record.add(piece, table)
            if options.delete:
                for row in table[table["status"] != "failed"]:
                    Path(row["input"]).unlink(missing_ok=True)
    if not len(record.table):
        print(f"nothing was found of {options.series} from {options.start} to {options.end}")
        return 1
    print(f"what became of each file is in {record.path}")
    return 1 if (record.table["status"] == "failed").any() else 0
