"""The loss curve: a table that grows with the training, and its picture."""

import csv
import time
from pathlib import Path

__all__ = ["History"]

COLUMNS = ("step", "epoch", "loss", "held_out_rms", "learning_rate", "seconds")


class History:
    """The course of a training, in memory and in a CSV file.

    The columns are the steps done, the epoch (times that as many patches as there are were drawn), the mean loss
    since the last row, the RMS error on held-out patches where it was measured, in the unit of the patches, the
    learning rate, and the seconds that the training took, what was lost to a kill left out.

    Parameters
    ----------
    path : path or None
        The CSV file; rows beyond `step` are taken out, for a run that is resumed makes them again.
    step : int
        Steps done.
    """

    def __init__(self, path, step=0):
        self.path = Path(path) if path is not None else None
        self.rows = self._read(step) if step and self.path and self.path.exists() else []
        self._start = time.perf_counter() - (self.rows[-1]["seconds"] if self.rows else 0)
        if self.path is None:
            return
        temporary = Path(f"{self.path}.part")
        with temporary.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)
        temporary.replace(self.path)

    def _read(self, step):
        # The last line may be torn, but it is beyond the checkpoint then.
        with self.path.open(newline="", encoding="utf-8") as stream:
            rows = [row for row in csv.DictReader(stream) if row["seconds"] and int(row["step"]) <= step]
        return [{key: _number(row[key]) for key in COLUMNS} for row in rows]

    def add(self, *, step, epoch, loss, held_out_rms, learning_rate):
        """Append a row; `held_out_rms` may be None."""
        row = {"step": step, "epoch": round(epoch, 4), "loss": loss, "held_out_rms": held_out_rms}
        row |= {"learning_rate": learning_rate, "seconds": round(time.perf_counter() - self._start, 2)}
        self.rows.append(row)
        if self.path is not None:
            with self.path.open("a", newline="", encoding="utf-8") as stream:
                csv.DictWriter(stream, COLUMNS).writerow(row)

    def plot(self, path, unit):
        """Draw loss, held-out RMS error (in `unit`) and learning rate against the step.

        Parameters
        ----------
        path : path
            Of the PNG file.
        unit : str
        """
        # Not pyplot, which would take over the figures of whoever calls this.
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 7), layout="constrained")
        names = ("loss", "held_out_rms", "learning_rate")
        labels = ("loss", f"held-out RMS error [{unit}]", "learning rate")
        panels = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1))
        for panel, name, label in zip(panels, names, labels, strict=True):
            points = [(row["step"], row[name]) for row in self.rows if row[name] is not None]
            panel.plot(
                [x for x, _ in points], [y for _, y in points], marker="." if len(points) < 30 else "", color="tab:blue"
            )
            panel.set_ylabel(label)
            if points and all(value > 0 for _, value in points):
                panel.set_yscale("log")
        panels[-1].set_xlabel("step")
        figure.savefig(path, dpi=120)


def _number(text):
    if not text:
        return None
    return int(text) if text.isdigit() else float(text)
