"""Throughput of many files: files per hour of one plain loop, of one worker and of two, and the workers' memory.

Run ``python benchmarks/throughput.py [--files 200] [--memory 200] [--size 256] [--model continuum] [--outdir DIR]``.
Each worker has one thread for its network, so that two can be told from one. The files are synthetic cutouts.
Prints tables; with ``--outdir`` it also writes them as CSV there.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ["SUNPY_ENHANCE_THREADS"] = "1"  # read when a session starts, here and in the workers

import numpy as np
from rows import print_rows, write_rows

import sunpy.map

from sunpy_enhance import available_models, enhance_files, enhance_map
from sunpy_enhance._cluster import local_client
from sunpy_enhance._files import write_map
from sunpy_enhance.demo import cutout_header, demo_truth


def write_inputs(folder, number, size, observable):
    """Write cutouts of one scene, each with noise of its own."""
    rng = np.random.default_rng(1)
    scene = demo_truth((size, size))[observable][0]
    sigma = 1e-3 if observable == "continuum" else 10.0
    folder.mkdir()
    for i in range(number):
        data = (scene + rng.normal(0, sigma, scene.shape)).astype(np.float32)
        write_map(sunpy.map.Map(data, cutout_header(observable, data.shape, (0.0, 0.0))), folder / f"{i:04d}.fits")
    return sorted(folder.iterdir())


def plain_loop(files, outdir, model):
    """Enhance as one would without the package's help."""
    outdir.mkdir()
    for path in files:
        enhance_map(sunpy.map.Map(path), model=model, device="cpu").save(outdir / path.name)


def resident(dask_worker):
    """Return the resident memory of a worker in MB."""
    return dask_worker.monitor.proc.memory_info().rss / 1e6


def timed(function, files, *arguments, **options):
    """Return files per hour."""
    start = time.perf_counter()
    function(files, *arguments, **options)
    return 3600 * len(files) / (time.perf_counter() - start)


def measure(options, folder):
    """Return the figures."""
    observable = available_models()[options.model].observable
    files = write_inputs(folder / "in", options.files, options.size, observable)
    quiet = {"model": options.model, "device": "cpu", "progress": False}
    plain_loop(files[:1], folder / "first", options.model)  # the session is not counted, nor are the workers' below
    rates = {"plain loop": timed(plain_loop, files, folder / "loop", options.model)}
    rates["enhance_files, this process"] = timed(enhance_files, files, folder / "here", **quiet)
    memory = []
    for workers in (1, 2):
        with local_client(workers) as client:
            enhance_files(files[: 4 * workers], folder / f"first{workers}", client=client, **quiet)
            name = f"enhance_files, {workers} worker{'s' * (workers > 1)}"
            rates[name] = timed(enhance_files, files, folder / f"out{workers}", client=client, **quiet)
            if workers == 2:
                for start in range(0, options.memory, 20):
                    batch = files[: min(20, options.memory - start)]
                    enhance_files(batch, folder / "again", client=client, overwrite=True, **quiet)
                    memory.append({"frames": start + len(batch), "MB": list(client.run(resident).values())})
    return {"files per hour": rates, "memory": memory}


def tables(figures):
    """Return {name of a file: rows of text, the headings first}."""
    rates = figures["files per hour"]
    one = rates["enhance_files, 1 worker"]
    speed = [[name, f"{rate:.0f}", f"{rate / one:.2f}"] for name, rate in rates.items()]
    memory = [[str(row["frames"]), *(f"{value:.0f}" for value in sorted(row["MB"]))] for row in figures["memory"]]
    return {
        "throughput": [["how", "files per hour", "times one worker"], *speed],
        "throughput-memory": [["frames", "one worker, MB", "the other, MB"], *memory],
    }


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--memory", type=int, default=200, help="frames over which the memory is followed")
    parser.add_argument("--size", type=int, default=256, help="pixels along a side of a file")
    parser.add_argument("--model", default="continuum")
    parser.add_argument("--outdir", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options, Path(folder))
    for name, rows in tables(figures).items():
        print()
        print_rows(rows)
        if options.outdir:
            write_rows(rows, options.outdir / f"{name}.csv")


if __name__ == "__main__":
    main()
