"""The tables of the benchmark of accuracy, as Markdown, CSV and JSON."""

import json

import targets
from rows import print_rows, write_rows

from sunpy_enhance.validation._tables import cells, columns

_COST = {"parameters": ("parameters", 1, ",.0f"), "multiply_adds": ("multiply-adds per pixel", 1, ",.0f")}


def _columns(table, observable):
    """Return {key: (heading, factor, format)} of a table, intensities in per cent of the quiet Sun."""
    field = observable == "magnetogram"
    of_score = columns(observable)
    if table == "patches":
        return of_score | _COST
    if table == "flicker":
        return {"flicker": ("flicker", 1, ".2f")}
    if table == "noise":
        unit, (_, factor, style) = "G" if field else "%", of_score["rms"]
        ends = {f"noise_{end}": (f"{end} [{unit}]", factor, style) for end in ("in", "out")}
        return ends | {"bias": of_score["bias"]}
    if field:
        of_result = {
            "quiet": ("quiet pixels [G]", 1, ".2f"),
            "flat": ("of these, flat [G]", 1, ".2f"),
            "mean": ("mean [G]", 1, "+.2f"),
            "unsigned": ("mean abs(B) [G]", 1, ".1f"),
            "strongest": ("strongest [G]", 1, ".0f"),
        }
    else:
        of_result = {
            "quiet": ("quiet-Sun contrast [%]", 100, ".2f"),
            "mean": ("mean", 1, ".4f"),
            "darkest": ("darkest", 1, ".3f"),
        }
    kept = ("residual", "bias", "psnr", "ssim", "correlation", "contrast", "power_0.5", "power_1.0", "flux", "net_flux")
    return {key: of_score[key] for key in kept} | of_result


def _with_input(rows):
    """Add a row for HMI's image to each frame, of the figures that it has itself."""
    result = []
    for row, following in zip(rows, [*rows[1:], {}], strict=True):
        result.append(row)
        if following.get("row") != row["row"]:
            own = {key.removesuffix("_in"): value for key, value in row.items() if key.endswith("_in")}
            result.append({"row": row["row"], "method": "HMI itself"} | own)
    return result


def as_text(tables):
    """Return {name: list of lists of str}: the tables as they are shown, a heading first."""
    shown = {}
    for observable in dict.fromkeys(row["observable"] for row in tables["patches"]):
        for table in ("patches", "frames", "noise", "flicker"):
            rows = [row for row in tables.get(table, []) if row["observable"] == observable]
            wanted = {key: column for key, column in _columns(table, observable).items() if any(key in r for r in rows)}
            own = ("truth", "row", "method") if table == "patches" else ("row", "method")
            heading = [*own, *(name for name, _, _ in wanted.values())]
            rows = _with_input(rows) if table == "frames" else rows
            shown[f"{observable}-{table}"] = [
                heading,
                *([*(row[key] for key in own), *cells(row, wanted)] for row in rows),
            ]
    shown["targets"] = targets.as_text(tables["targets"])
    return shown


def print_markdown(tables):
    """Print the tables."""
    for name, rows in as_text(tables).items():
        print(f"\n## {name.replace('-', ': ')}\n")
        print_rows(rows)


def write_files(tables, folder):
    """Write the tables to a folder: as they are shown in NAME.csv, and every figure in accuracy.json."""
    for name, rows in as_text(tables).items():
        write_rows(rows, folder / f"{name}.csv")
    (folder / "accuracy.json").write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8")
