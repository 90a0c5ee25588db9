"""Which pieces of a long download are done: a table that grows with them."""

from pathlib import Path

from astropy.table import QTable, vstack

from ._files import complete_file
from ._jobs import made_by

__all__ = ["Record"]


class Record:
    """The table of `sunpy_enhance.enhance_files` over all pieces, kept in a file.

    Parameters
    ----------
    path : path
        Of the ECSV file. One that is there is continued.
    task : dict
        What distinguishes this task from another.
    anew : bool
        Begin a new table where the one that is there is of another task.

    Raises
    ------
    ValueError
        Where the one that is there is of another task, and no new one is to begin.
    """

    def __init__(self, path, task, *, anew=False):
        self.path = Path(path)
        self.task = {key: None if value is None else str(value) for key, value in task.items()}
        self.table = QTable()
        if not self.path.exists() or not self.path.stat().st_size:
            return
        try:
            table = QTable.read(self.path, format="ascii.ecsv")
        except (KeyError, TypeError, ValueError) as error:
            msg = f"{self.path} cannot be read ({error}): give another --table, or delete it"
            raise ValueError(msg) from error
        found = table.meta.get("task") or {}
        other = {key: found.get(key) for key, value in self.task.items() if found.get(key) != value}
        if not other:
            self.table = table
        elif not anew:
            msg = f"{self.path} is of another task, with {other}: give another --table, or --overwrite it"
            raise ValueError(msg)

    def has(self, piece, model):
        """Tell whether all files of a piece are enhanced, with a network that is still the same, and there."""
        if not len(self.table):
            return False
        rows = self.table[self.table["piece"] == _name(piece)]
        return len(rows) > 0 and all(
            row["status"] != "failed" and made_by(Path(row["output"]), model) is not None for row in rows
        )

    def add(self, piece, table):
        """Add the rows of a piece, instead of those that it may have, and write the file."""
        table = table.copy()
        table["piece"] = len(table) * [_name(piece)]
        parts = [self.table[self.table["piece"] != _name(piece)]] if len(self.table) else []
        parts = [part for part in [*parts, table] if len(part)]
        self.table = vstack(parts, metadata_conflicts="silent") if parts else QTable()
        self.table.meta = {"task": self.task}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with complete_file(self.path) as temporary:
            self.table.write(temporary, format="ascii.ecsv", overwrite=True)


def _name(piece):
    return " to ".join(time.isot for time in piece)
