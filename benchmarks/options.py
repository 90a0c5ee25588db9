"""Command-line options that benchmarks share."""

import argparse
from pathlib import Path

__all__ = ["of_trainings"]


def of_trainings(description):
    """Return the options of a benchmark that trains networks: the data, the recipes, and where its table goes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("data", type=Path)
    parser.add_argument("--recipes", nargs="+", default=["continuum-fast", "magnetogram-fast"])
    parser.add_argument("--out", type=Path, help="where the CSV file goes; default: nowhere")
    return parser.parse_args()
