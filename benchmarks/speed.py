"""How fast: every shipped network beside the paper's, in Keras and as ONNX, from a cutout to a full disk.

Run ``python benchmarks/speed.py DATA --keras-python PYTHON``; DATA is a folder with the full disks of
``real_frames.py`` (without it a synthetic Sun is used), PYTHON one that has TensorFlow (without it the peer is left
out). What is compared runs in turns, given are medians; what has to be cold, or counts memory, has a process of its
own. ``--device cuda`` does the same on a GPU, and compares what it gives with the CPU.

``--tables`` measures a part of it. Written are ``speed.json`` and the tables as CSV, printed as Markdown, too.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from naive_graph import write_naive_graph
from real_frames import FULL_DISKS
from rows import print_rows, write_rows

from sunpy_enhance import available_models
from sunpy_enhance._network import apply_tiled, load_network
from sunpy_enhance.models import resolve
from sunpy_enhance.training.cost import graph_cost

_HERE = Path(__file__).parent
_KERAS = "Keras predict"
# Keras has no room for the features of a whole disk: it gets 4 x 4 squares, without any overlap.
_SQUARES, _SQUARE = 16, 1024
_NAIVE = "paper, naive graph"
_TABLES = ["networks", "differences", "disks", "scaling", "start"]


def matrix_peak(side=2048, repeats=8):
    """GFLOP/s of the best of some float32 matrix products: additions and multiplications count."""
    a = np.random.default_rng(0).random((side, side), dtype=np.float32)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - start)
    return 2 * side**3 / min(seconds) / 1e9


class Keras:
    """The peer in its own process."""

    def __init__(self, python):
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
        environment.pop("PYTHONPATH", None)
        command = [python, _HERE / "speed_keras.py"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, env=environment, **pipes)

    def seconds(self, side):
        """Seconds of one call for a square image."""
        self.process.stdin.write(f"{side}\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("seconds "):
                return float(line.split()[1])
        msg = "the Keras peer ended: see its message above, or leave --keras-python out"
        raise RuntimeError(msg)

    def close(self):
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def networks_in_turns(models, keras, side, repeats, device, peak):
    """Rows of the networks alone on a square image."""
    continuum = np.random.default_rng(0).normal(1, 0.05, (side, side)).astype(np.float32)
    images = {name: 1000 * (continuum - 1) if name.startswith("magnetogram") else continuum for name in models}
    networks = {name: load_network(path, device) for name, path in models.items()}
    seconds = {name: [] for name in [*models, *([_KERAS] if keras else [])]}
    for repeat in range(repeats + 1):  # the first round is not counted
        for name, network in networks.items():
            start = time.perf_counter()
            apply_tiled(network, images[name])
            if repeat:
                seconds[name].append(time.perf_counter() - start)
        if keras and repeat:
            seconds[_KERAS].append(keras.seconds(side))
    medians = {name: float(np.median(times)) for name, times in seconds.items()}
    rows = []
    for name, median in medians.items():
        cost = graph_cost(models[_NAIVE if name == _KERAS else name])[1]
        rows.append(
            {
                "model": name,
                "pixels": side,
                "seconds": median,
                "multiply-adds per pixel": cost,
                "share of the matrix peak": 2 * cost * side**2 / median / 1e9 / peak if device == "cpu" else None,
                "times as fast as Keras": medians[_KERAS] / median if keras else None,
            }
        )
    return rows


def case(*arguments, threads=None, bytecode=None):
    """Return the figures of one case in a process of its own."""
    environment = dict(os.environ)
    if bytecode:  # as an installed package has it
        environment["PYTHONPYCACHEPREFIX"] = str(bytecode)
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if threads:
        environment["SUNPY_ENHANCE_THREADS"] = str(threads)
    command = [sys.executable, _HERE / "speed_case.py", *map(str, arguments)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    return json.loads(answer.splitlines()[-1])


def _medians(figures):
    return {stage: float(np.median([run[stage] for run in figures["runs"]])) for stage in figures["runs"][0]}


def full_disks(models, keras, data, repeats, device, folder):
    """Yield rows of full disks, Map to Map, stage by stage; and the peer's, half of it before and half of it after."""
    rows, peer = [], []
    if keras:
        peer = [keras.seconds(_SQUARE) for _ in range(_SQUARES // 2)]
    for name, path in models.items():
        observable = "magnetogram" if name.startswith("magnetogram") else "continuum"
        if data is None and observable == "magnetogram":
            continue
        source = ["--path", data / "hmi" / f"{FULL_DISKS[observable]}.fits"] if data else ["--side", 4096]
        times = 1 if "paper" in name else repeats
        options = [*source, "--model", path, "--device", device, "--repeats", times, "--folder", folder]
        tells_error = load_network(path, "cpu").card.uncertainty is not None
        for label, more in [(name, []), *([(f"{name}, with sigma", ["--uncertainty"])] if tells_error else [])]:
            figures = case("map", *options, *more)
            stages = _medians(figures)
            around = 1 - stages["network"] / stages["map to map"]
            row = {"model": label, **stages, "share around the network": around, "peak, GiB": figures["peak_gib"]}
            rows.append(row)
            if not keras:
                yield row
    if keras:
        seconds = sum(peer + [keras.seconds(_SQUARE) for _ in range(_SQUARES // 2)])
        rows.append({"model": f"{_KERAS}, {_SQUARES} squares", "network": seconds})
        for row in rows:
            row["network, times as fast as Keras"] = seconds / row["network"]
        yield from rows


def scaling(model, sides, repeats, device, folder):
    """Rows of one network on growing images, by the number of threads."""
    rows = []
    for side in sides:
        for threads in (1, 2) if device == "cpu" else (None,):
            options = ["--side", side, "--model", model, "--device", device, "--repeats", repeats, "--folder", folder]
            stages = _medians(case("map", *options, threads=threads))
            whole = stages["map to map"]
            rows.append(
                {"pixels": side, "threads": threads, "seconds": whole, "microseconds per pixel": 1e6 * whole / side**2}
            )
    return rows


def differences(models, side=1024):
    """Rows of the largest difference between CUDA and the CPU."""
    rows = []
    image = np.random.default_rng(0).normal(1, 0.05, (side, side)).astype(np.float32)
    for name, path in models.items():
        here = 1000 * (image - 1) if name.startswith("magnetogram") else image
        cpu, cuda = (apply_tiled(load_network(path, device), here) for device in ("cpu", "cuda"))
        rows.append({"model": name, "largest difference": float(np.abs(cuda - cpu).max())})
    return rows


def write_table(name, rows, outdir):
    """Write a table as CSV, and return it as text, the headings first."""
    headings = [key for key in rows[0] if any(row.get(key) is not None for row in rows)]
    cells = [headings, *([_cell(row.get(key)) for key in headings] for row in rows)]
    write_rows(cells, outdir / f"{name}.csv")
    return cells


def _cell(value):
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def main():
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--keras-python")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sides", type=int, nargs="*", default=[400, 1024])
    parser.add_argument("--models", nargs="*", help="of the full disks; by default all that are shipped")
    parser.add_argument("--scales", type=int, nargs="*", default=[512, 1024, 2048, 4096])
    parser.add_argument("--tables", nargs="*", choices=_TABLES, default=_TABLES, help="what to measure")
    parser.add_argument("--outdir", type=Path, default=Path("speed"))
    options = parser.parse_args()
    options.outdir.mkdir(parents=True, exist_ok=True)
    if not options.keras_python:
        print("the Keras peer is left out: give --keras-python")
    peak = matrix_peak()
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count(), "GFLOP/s": peak}
    print(machine, flush=True)
    tables = {}
    with tempfile.TemporaryDirectory() as folder:
        shipped = {name: resolve(name) for name in available_models()}
        models = shipped | {_NAIVE: write_naive_graph(Path(folder) / "naive.onnx")}
        for name in options.tables:
            rows = tables[name] = []
            for row in _measure(name, options, shipped, models, peak, folder):
                rows.append(row)
                cells = write_table(name, rows, options.outdir)  # row by row: what is cut short is not lost
            if rows:
                print(f"\n{name}\n")
                print_rows(cells)
    file = options.outdir / "speed.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(known | {"machine": machine} | tables, indent=1) + "\n")


def _measure(table, options, shipped, models, peak, folder):
    """Yield the rows of a table."""
    device, repeats = options.device, options.repeats
    keras = Keras(options.keras_python) if options.keras_python and table in ("networks", "disks") else None
    if table == "networks":
        for side in options.sides:
            yield from networks_in_turns(models, keras, side, repeats, device, peak)
    elif table == "differences" and device == "cuda":
        yield from differences(models)
    elif table == "disks":
        wanted = options.models or shipped
        yield from full_disks({name: models[name] for name in wanted}, keras, options.data, repeats, device, folder)
    elif table == "scaling":
        yield from scaling(shipped["continuum"], options.scales, repeats, device, folder)
    elif table == "start":
        # The first one compiles the modules and is not counted.
        starts = [case("start", bytecode=Path(folder) / "bytecode") for _ in range(repeats + 1)][1:]
        yield {key: float(np.median([one[key] for one in starts])) for key in starts[0]}
    if keras:
        keras.close()


if __name__ == "__main__":
    main()
