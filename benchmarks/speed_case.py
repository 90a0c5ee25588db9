"""One case of ``speed.py`` in a process of its own; prints its figures as JSON.

``start``: from a cold process to the first enhanced cutout. ``map``: Map to Map, stage by stage, with peak memory.
"""

import argparse
import contextlib
import gc
import json
import time
from pathlib import Path


class Stages(dict):
    """Seconds by the name of a stage."""

    clock = staticmethod(time.perf_counter)

    @contextlib.contextmanager
    def measure(self, name):
        """Add the seconds of a block."""
        start = self.clock()
        yield
        self[name] = self.get(name, 0.0) + self.clock() - start

    @contextlib.contextmanager
    def collections(self, name):
        """Add the seconds of Python's garbage collection in a block, which goes through all that is loaded."""
        self[name] = 0.0

        def count(phase, _):
            self[name] += self.clock() if phase == "stop" else -self.clock()

        gc.callbacks.append(count)
        yield
        gc.callbacks.remove(count)

    def watch(self, module, function, name):
        """Count what a function of a module takes."""
        original = getattr(module, function)

        def measured(*args, **kwargs):
            with self.measure(name):
                return original(*args, **kwargs)

        setattr(module, function, measured)


def synthetic(side):
    """Return a limb-darkened Sun with granulation, as large as a full-disk frame or cut out of its middle."""
    import numpy as np

    import sunpy.map

    from sunpy_enhance._geometry import Disk
    from sunpy_enhance._quiet_sun import limb_darkening
    from sunpy_enhance.demo import cutout_header

    header = cutout_header("continuum", (side, side), (0.0, 0.0))
    noise = np.random.default_rng(0).standard_normal((side, side), dtype=np.float32)
    smap = sunpy.map.Map(noise, header)
    mu = Disk.of(smap).mu().astype(np.float32)
    data = 5e4 * limb_darkening(mu) * (1 + 0.03 * noise)
    data[mu == 0] = np.nan
    return sunpy.map.Map(data.astype(np.float32), header)


def peak_memory():
    """Return the largest memory of this process so far in GiB, None where the system does not tell."""
    # Not getrusage, which begins with that of the process that started this one.
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 2**20


def start():
    """Figures of a cold process."""
    stages = Stages()
    with stages.measure("import sunpy.map"):
        import sunpy.map  # noqa: F401
    with stages.measure("import sunpy_enhance"), stages.collections("of it garbage collection"):
        import sunpy_enhance
    with stages.measure("make the Map"):
        smap = synthetic(400)
    with stages.measure("first cutout"):
        sunpy_enhance.enhance_map(smap, device="cpu")
    with stages.measure("second cutout"):
        sunpy_enhance.enhance_map(smap, device="cpu")
    return stages


def enhance(path, side, repeats, folder, **settings):
    """Figures of each run Map to Map, and the peak memory after the first."""
    from sunpy_enhance import enhance as story
    from sunpy_enhance._files import read_map, write_map

    runs, peak = [], None
    for _ in range(repeats):
        stages = Stages()
        with stages.measure("read"):
            smap = read_map(path) if path else synthetic(side)
            smap.data  # noqa: B018  read now
        names = {"load_network": "load", "to_network": "photometry", "apply_tiled": "network", "to_map": "map"}
        kept = {function: getattr(story, function) for function in names}
        for function, name in names.items():
            stages.watch(story, function, name)
        with stages.measure("map to map"):
            enhanced = story.enhance_map(smap, **settings)
        for function, original in kept.items():
            setattr(story, function, original)
        peak = peak or peak_memory()
        with stages.measure("write"):
            write_map(enhanced, Path(folder) / "enhanced.fits")
        runs.append(dict(stages))
    return {"runs": runs, "peak_gib": peak}


def main():
    """Print the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", choices=["start", "map"])
    parser.add_argument("--path")
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--model")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--uncertainty", action="store_true")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--folder", default=".")
    parser.add_argument("--processor-time", action="store_true", help="of all threads, instead of the time that passes")
    options = parser.parse_args()
    if options.processor_time:
        Stages.clock = staticmethod(time.process_time)
    if options.case == "start":
        figures = start()
    else:
        settings = {name: getattr(options, name) for name in ("model", "device", "uncertainty")}
        figures = enhance(options.path, options.side, options.repeats, options.folder, **settings)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
