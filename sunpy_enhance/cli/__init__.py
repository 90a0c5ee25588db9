"""The command line: one module for each command."""

import argparse
import sys

from . import benchmark, check, demo, fetch, models, run, training

__all__ = ["main"]

# In the order of the help.
_COMMANDS = (run, check, fetch, benchmark, models, demo, training)


def _parser():
    parser = argparse.ArgumentParser(
        prog="sunpy-enhance", description="Deconvolve and super-resolve SDO/HMI continuum images and magnetograms."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command in _COMMANDS:
        command.add_to(commands)
    return parser


def main(arguments=None):
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, optional
        Default: those of the process.

    Returns
    -------
    int
        0, or 1 where a file could not be enhanced, or 130 where it was interrupted.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.function(options)
    except KeyboardInterrupt:
        print("sunpy-enhance: interrupted; run it again to go on", file=sys.stderr)
        return 130
    except (OSError, TypeError, ValueError, RuntimeError, ImportError) as error:
        print(f"sunpy-enhance: {error}", file=sys.stderr)
        return 1
