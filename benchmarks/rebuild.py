"""Compare files that were made anew from their recipes with those of the same name that are shipped.

Run ``sunpy-enhance train NAME --data DATA --out FOLDER/NAME.onnx`` for the names that matter, then
``python benchmarks/rebuild.py FOLDER [--out docs/accuracy/rebuild.csv]``. Prints for each file whether its graph, with
all weights, is the same bit for bit, which entries of its card differ, and how far the held-out scores of the new one
are from those of the shipped one. A few seconds.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import onnx
from rows import print_rows

from sunpy_enhance import available_models
from sunpy_enhance._network import load_network
from sunpy_enhance.models import resolve

_HEADING = ["file", "graph", "card", "sources", "RMS, least [dB]", "RMS, largest [dB]", "coverage, largest [%]"]
# What another run may tell otherwise: when and where it was, and what it measured.
_OF_THE_RUN = {"commit", "libraries", "metrics", "uncertainty"}


def same_graph(file, other):
    """Return whether two files compute the same with the same weights, bit for bit, whatever their cards say."""
    first, second = (onnx.load_from_string(resolve(path).read_bytes()).graph for path in (file, other))
    return first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)


def differing(card, other):
    """Return the entries of two cards that differ, but for those that tell of the run."""
    first, second = dataclasses.asdict(card), dataclasses.asdict(other)
    return [key for key in first if key not in _OF_THE_RUN and first[key] != second[key]]


def changes(card, other):
    """Return the changes from one card to another: of each RMS in dB, and of each part that is covered."""
    rms = [
        20 * np.log10(other.metrics[source][other.name]["rms"] / of_methods[card.name]["rms"])
        for source, of_methods in card.metrics.items()
    ]
    covered = [
        other.uncertainty["coverage"][source][regime][key] - parts[key]
        for source, regimes in (card.uncertainty or {}).get("coverage", {}).items()
        for regime, parts in regimes.items()
        for key in ("within_1", "within_2")
    ]
    return rms, covered


def row(card, other, same):
    """Return a file's row of the table, from two cards and whether the graphs are the same."""
    rms, covered = changes(card, other)
    return [
        card.name,
        "the same" if same else "another",
        ", ".join(differing(card, other)) or "the same",
        str(len(rms)),
        f"{min(rms):+.3f}",
        f"{max(rms):+.3f}",
        f"{100 * max(covered, key=abs):+.2f}" if covered else "",
    ]


def main():
    """Compare the files of a folder, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="folder with the files that were made anew")
    parser.add_argument("--out", metavar="CSV", type=Path, help="file to write the table to")
    options = parser.parse_args()
    files = {options.folder / f"{name}.onnx": card for name, card in available_models().items()}
    rows = [
        row(card, load_network(file, "cpu").card, same_graph(card.name, file))
        for file, card in files.items()
        if file.exists()
    ]
    if not rows:
        parser.error(f"{options.folder} has no file named like one that is shipped: make one with sunpy-enhance train")
    rows = [_HEADING, *rows]
    print_rows(rows, options.out)


if __name__ == "__main__":
    main()
