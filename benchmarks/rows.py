"""Rows of text, the headings first: as a Markdown table and as a CSV file."""

import csv

__all__ = ["print_rows", "write_rows"]


def print_rows(rows, path=None):
    """Print a Markdown table, and write it to a CSV file where a path is given."""
    headings, *others = rows
    for row in (headings, ["---"] * len(headings), *others):
        print(f"| {' | '.join(row)} |", flush=True)
    if path:
        write_rows(rows, path)


def write_rows(rows, path):
    """Write a CSV file, and its folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
