"""``sunpy-enhance demo``: the main job on data that the package makes itself."""

import time
from pathlib import Path

from sunpy_enhance._files import read_headers, with_home, write_map
from sunpy_enhance.cli._lines import describe

__all__ = ["add_to"]


def add_to(commands):
    """Add the command."""
    demo = commands.add_parser("demo", help="make a synthetic sunspot, enhance it and compare with the truth")
    demo.add_argument("--outdir", type=with_home, default=Path("sunpy-enhance-demo"), metavar="DIR")
    demo.set_defaults(function=_demo)


def _demo(options):
    from sunpy_enhance import enhance_map
    from sunpy_enhance._figures import before_after
    from sunpy_enhance.demo import compare, demo_maps

    options.outdir.mkdir(parents=True, exist_ok=True)
    for name in ("continuum", "continuum_enhanced", "magnetogram", "magnetogram_enhanced"):
        _check_free(options.outdir / f"{name}.fits")
    print("Making a synthetic sunspot as HMI sees it, with full HMI headers ...")
    for smap in demo_maps():
        start = time.perf_counter()
        enhanced = enhance_map(smap)
        seconds = time.perf_counter() - start
        name = smap.measurement
        write_map(smap, options.outdir / f"{name}.fits")
        write_map(enhanced, options.outdir / f"{name}_enhanced.fits")
        before_after(smap, enhanced, options.outdir / f"{name}_enhanced.png")
        print(f"\n{name}: {describe(smap, enhanced)}, {seconds:.1f} s")
        for line in compare(smap, enhanced):
            print(f"  {line}")
    print(f"\nFITS files and pictures are in {options.outdir.resolve()}")
    return 0


def _check_free(path):
    """Raise where something else than an earlier demo's file would be replaced: JSOC has the names of these, too."""
    if not path.exists():
        return
    headers, _ = read_headers(path)
    if not (headers and str(headers[0].get("ORIGIN")).startswith("sunpy_enhance.demo")):
        msg = f"{path} exists and was not made by the demo: give another --outdir"
        raise FileExistsError(msg)
