"""``sunpy-enhance check``: put the telescope back in front of an enhanced file and compare."""

import json

from sunpy_enhance._files import read_map, with_home
from sunpy_enhance.cli._options import quantity, refuse_folder

__all__ = ["add_to"]


def add_to(commands):
    """Add the command."""
    check = commands.add_parser("check", help="compare an enhanced file, degraded again, with the one it was made from")
    check.add_argument("before", type=with_home, metavar="BEFORE", help="what HMI saw")
    check.add_argument("after", type=with_home, metavar="AFTER", help="what was made of it")
    check.add_argument("--model", help="the network's name or .onnx file; default: by the header")
    check.add_argument(
        "--noise",
        type=quantity,
        metavar="'NUMBER UNIT'",
        help="of what HMI saw, such as '6.3 G' for a magnetogram of 720 s; default: that of the network's training",
    )
    check.add_argument("--out", type=with_home, metavar="FILE", help="FILE.json and FILE.png; default: AFTER_check")
    check.set_defaults(function=_check)


def _check(options):
    from sunpy_enhance.validation import check

    if options.out:
        refuse_folder("--out", options.out)
    found = check(read_map(options.after), read_map(options.before), model=options.model, noise=options.noise)
    print(found)
    name = options.after.name.removesuffix(".gz").removesuffix(".fits")
    out = options.out or options.after.with_name(f"{name}_check")
    if out.suffix in (".json", ".png"):
        out = out.with_suffix("")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_name(f"{out.name}.json").write_text(json.dumps(found.to_dict(), indent=1) + "\n", encoding="utf-8")
    found.plot().savefig(out.with_name(f"{out.name}.png"), dpi=110, format="png")
    print(f"{out}.json, {out}.png")
    return 0
