"""The loss curve."""

import csv

import pytest

from sunpy_enhance.training.history import COLUMNS, History


def add(history, step, held_out_rms=None):
    history.add(step=step, epoch=step / 7, loss=1 / step, held_out_rms=held_out_rms, learning_rate=1e-3)


def test_a_resumed_table_has_each_step_once(tmp_path):
    path = tmp_path / "x.loss.csv"
    first = History(path)
    for step in (2, 4, 6):
        add(first, step, 0.25 if step == 4 else None)
    with path.open("a") as stream:
        stream.write("8,1.1")
    second = History(path, 4)
    add(second, 6)
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["step"] for row in rows] == ["2", "4", "6"]
    assert [row["held_out_rms"] for row in rows] == ["", "0.25", ""]
    assert tuple(rows[0]) == COLUMNS
    assert [row["loss"] for row in second.rows] == [1 / 2, 1 / 4, 1 / 6]
    assert second.rows[2]["seconds"] >= second.rows[1]["seconds"]


def test_a_training_that_starts_anew_forgets_the_old_table(tmp_path):
    path = tmp_path / "x.loss.csv"
    add(History(path), 2)
    assert History(path).rows == []
    assert path.read_text().split() == [",".join(COLUMNS)]


def test_no_table_is_written_without_a_path(tmp_path):
    history = History(None)
    add(history, 2)
    assert [row["step"] for row in history.rows] == [2]


@pytest.mark.parametrize("steps", [(), (1, 2, 3)])
def test_the_picture_leaves_pyplot_alone(tmp_path, steps):
    from matplotlib import pyplot as plt

    history = History(None)
    for step in steps:
        add(history, step, 0.1 * step)
    history.plot(tmp_path / "x.png", "G")
    assert (tmp_path / "x.png").stat().st_size > 2000
    assert not plt.get_fignums()
