"""The patches of a recipe: from its scenes, one after the other or in several processes."""

import collections.abc
import concurrent.futures
import contextlib
import copy
import dataclasses
import functools
import itertools
import multiprocessing

import numpy as np
from tqdm import tqdm

from sunpy_enhance.training.patches import Patches, check_sampling, sample_patches
from sunpy_enhance.training.sources import read_truth, synthetic_truth

__all__ = ["HELD_OUT_SEEDS", "fill_patches"]

# Scenes that are held out take their seeds from here on, those for training from 0 on.
HELD_OUT_SEEDS = 1_000_000


@dataclasses.dataclass(frozen=True)
class _Scene:
    """A truth, drawn only when it is its turn, and how many patches are cut from it for which part."""

    part: str
    truth: collections.abc.Callable
    number: int
    ranges: dict
    draws: int = 0  # random numbers that the truth takes

    def sample(self, rng, sampling):
        """Return its patches."""
        return sample_patches(self.truth(rng), self.number, rng=rng, **sampling, **self.ranges)

    def skip(self, rng, *, turn):
        """Take as many random numbers as it would: zoom and gain; of each patch the place, and the angle."""
        rng.bit_generator.advance(self.draws + 2 + (3 if turn else 2) * self.number)


def _given(truth, rng):  # noqa: ARG001 (one signature for all)
    return truth


def _synthetic(observable, kind, seed, shape, lowest, rng):
    mu = {} if lowest is None else {"mu": rng.uniform(lowest, 1)}
    return synthetic_truth(observable, kind, seed=seed, **shape, **mu)


def _file_scenes(entry, directory, observable, sampling):
    """Return the scenes of a file, which is cut into a part for training and one that is held out as it is read."""
    for_training, for_test = read_truth(directory, entry, observable=observable)
    for truth in (*for_training, *for_test):  # here, and not when it is its turn
        check_sampling(truth, sampling["target"], sampling["plate_scale"], sampling["size"])
    ranges = {key: entry[key] for key in ("zoom", "gain") if key in entry}
    scenes = [("train", truth, entry["patches"], ranges) for _ in range(entry["scenes"]) for truth in for_training]
    scenes += [("held_out", truth, entry["test_patches"], {}) for truth in for_test]
    return [_Scene(part, functools.partial(_given, truth), number, ranges) for part, truth, number, ranges in scenes]


def _synthetic_scenes(entry, observable):
    """Return the scenes of a kind of synthetic Sun; those that are held out have other seeds."""
    if entry["scenes"] > HELD_OUT_SEEDS:
        msg = f"{entry['scenes']} scenes are to be drawn, expected at most {HELD_OUT_SEEDS}: later seeds are held out"
        raise ValueError(msg)
    kind, lowest = entry["kind"], entry.get("mu", 1.0)
    ranges = {key: entry[key] for key in ("zoom", "gain") if key in entry}
    shape = {"shape": tuple(entry["shape"])} if "shape" in entry else {}

    def truth(seed, lowest):
        return functools.partial(_synthetic, observable, kind, seed, shape, lowest)

    scenes = [
        _Scene("train", truth(seed, lowest), entry["patches"], ranges, draws=1) for seed in range(entry["scenes"])
    ]
    test_seeds = range(HELD_OUT_SEEDS, HELD_OUT_SEEDS + entry["test_scenes"])
    return scenes + [_Scene("held_out", truth(seed, None), entry["test_patches"], {}) for seed in test_seeds]


def _blurred(scene, blur):
    return dataclasses.replace(scene, ranges=scene.ranges | {"blur": blur})


def _scale(scenes, part, total):
    """Return the scenes with the numbers of a part scaled so that they add up to a total, where one is given."""
    numbers = np.array([scene.number if scene.part == part else 0 for scene in scenes])
    if not numbers.sum():
        msg = f"the recipe makes no patches for the part {part!r}, expected some: see scenes, patches and test_patches"
        raise ValueError(msg)
    if total is None:
        return scenes
    # Rounding where the sum stands keeps the total; rounding each number would not.
    scaled = np.diff(np.rint(np.cumsum(numbers) * (total / numbers.sum())).astype(int), prepend=0)
    return [
        dataclasses.replace(scene, number=int(number)) if scene.part == part else scene
        for scene, number in zip(scenes, scaled, strict=True)
    ]


def _sampled(scenes, states, sampling, workers):
    """Yield the patches of each scene in turn, made in so many processes, or in this one."""
    if workers == 1:
        yield from map(_Scene.sample, scenes, states, itertools.repeat(sampling))
        return
    # Not forked: PyTorch and HDF5 have threads and locks that a fork would copy as they stand.
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(workers, mp_context=context)
    try:
        jobs = (pool.submit(_Scene.sample, *job, sampling) for job in zip(scenes, states, strict=True))
        # What is done waits in memory until it is taken: no more than two scenes for each process.
        waiting = collections.deque(itertools.islice(jobs, 2 * workers))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(itertools.islice(jobs, 1))
    finally:
        pool.shutdown(cancel_futures=True)


def fill_patches(recipe, directory, allocate=None, *, workers=1, progress=True):
    """Make the patches of a recipe: scene by scene, into arrays of the final size.

    What is held out is chosen before patches are cut: a strip of each file, with a gap, and other seeds of the
    synthetic Sun. ``patches.number`` and ``patches.test_number`` are totals to which the numbers of the scenes are
    scaled. ``patches.blur`` is for the training alone: what is held out has the recipe's point spread function.

    Parameters
    ----------
    recipe : `~sunpy_enhance.training.recipe.Recipe`
    directory : path or None
        Where the recipe's files are.
    allocate : callable, optional
        ``allocate(part, name, shape)`` gives what is filled, with part "train" or "held_out" and name "inputs" or
        "targets"; by default an array in memory.
    workers : int
        Processes that draw scenes and cut patches, all the same ones whatever their number. As with all that
        `multiprocessing` spawns, a script that asks for more than one has to have ``if __name__ == "__main__":``.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    train, held_out : `Patches`

    Raises
    ------
    ValueError
        Where a part would be empty.
    """
    allocate = allocate or (lambda part, name, shape: np.empty(shape, np.float32))  # noqa: ARG005
    sampling, settings = recipe.sampling(), recipe["patches"]
    observable, table = recipe["observable"], recipe.table
    scenes = []
    for entry in table.get("files", []):
        scenes += _file_scenes(entry, directory, observable, sampling)
    scenes += [scene for entry in table.get("synthetic", []) for scene in _synthetic_scenes(entry, observable)]
    scenes = [_blurred(scene, settings["blur"]) if scene.part == "train" else scene for scene in scenes]
    size, halo = sampling["size"], sampling["halo"]
    filled = {}
    for part, key in (("train", "number"), ("held_out", "test_number")):
        scenes = _scale(scenes, part, settings.get(key))
        number = sum(scene.number for scene in scenes if scene.part == part)
        inputs = allocate(part, "inputs", (number, size + 2 * halo, size + 2 * halo))
        filled[part] = Patches(inputs, allocate(part, "targets", (number, 2 * size, 2 * size)), [])
    scenes = [scene for scene in scenes if scene.number]
    rng, states = np.random.default_rng(recipe["seed"]), []
    for scene in scenes:
        states.append(copy.deepcopy(rng))
        scene.skip(rng, turn=sampling["turn"])
    with contextlib.closing(_sampled(scenes, states, sampling, workers)) as pieces:
        bar = tqdm(pieces, total=len(scenes), desc="scenes", disable=not progress)
        for scene, piece in zip(scenes, bar, strict=True):
            patches = filled[scene.part]
            where = slice(len(patches.sources), len(patches.sources) + scene.number)
            patches.inputs[where], patches.targets[where] = piece.inputs, piece.targets
            patches.sources.extend(piece.sources)
    return filled["train"], filled["held_out"]
