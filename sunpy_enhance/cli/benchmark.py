"""``sunpy-enhance benchmark``: methods against truth that nobody trained on."""

from sunpy_enhance._files import with_home
from sunpy_enhance.cli._options import at_least_one

__all__ = ["add_to"]


def add_to(commands):
    """Add the command."""
    parser = commands.add_parser("benchmark", help="measure networks on truth that no training has seen")
    parser.add_argument("models", nargs="*", help="names, .onnx files or richardson-lucy; default: all shipped")
    parser.add_argument(
        "--data", type=with_home, metavar="DIR", help="the recipes' files; default: the synthetic Sun alone"
    )
    parser.add_argument(
        "--outdir", type=with_home, metavar="DIR", help="write tables and figures there; default: nowhere"
    )
    parser.add_argument("--patches", type=at_least_one, default=60, help="of each source; default: 60")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument(
        "--held-out-only", action="store_true", help="leave out the tilted Sun and conditions unlike the training"
    )
    parser.add_argument("--device", choices=("auto", "cuda", "cpu"), default="auto")
    parser.set_defaults(function=_benchmark)


def _benchmark(options):
    from sunpy_enhance.validation import benchmark

    if options.outdir:
        options.outdir.mkdir(parents=True, exist_ok=True)
    found = benchmark(
        options.models or None,
        data=options.data,
        patches=options.patches,
        seed=options.seed,
        other=not options.held_out_only,
        device=options.device,
        progress=True,
    )
    print(found.to_markdown())
    if options.outdir:
        found.write(options.outdir)
        print(f"CSV, JSON, Markdown and figures are in {options.outdir.resolve()}")
    return 0
