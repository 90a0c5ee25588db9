"""Truth for the benchmark, cut into patches: what networks trained on, were kept from, or never met."""

import dataclasses

import numpy as np

from sunpy_enhance.optics import WachterPSF
from sunpy_enhance.training.patches import Patches, sample_patches
from sunpy_enhance.training.recipe import HELD_OUT_SEEDS
from sunpy_enhance.training.sources import read_truth, synthetic_truth

__all__ = ["Case", "Scenes"]

# Neither the recipes' held-out scenes nor those that tell how far towards the limb a network may be used.
_OTHER_SEED = 3 * HELD_OUT_SEEDS
# Scenes of spots differ more than those of other kinds.
_SCENES = {"spot": 3}


@dataclasses.dataclass(frozen=True)
class Case:
    """Patches that share their noise and their optics.

    Attributes
    ----------
    truth : {"held out", "other"}
        What was kept from the training, or is unlike it.
    patches : `~sunpy_enhance.training.patches.Patches`
    noise : float
        Of the inputs.
    optics : dict
        ``psf``, ``target`` and ``plate_scale``.
    mu : float
        Cosine of the heliocentric angle at which the Sun is seen.
    """

    truth: str
    patches: Patches
    noise: float
    optics: dict
    mu: float = 1.0


class Scenes:
    """The truth of a recipe, sampled with a seed of the benchmark's own.

    Parameters
    ----------
    recipe : `~sunpy_enhance.training.recipe.Recipe`
    directory : path or None
        Where its files are; without it there is only the synthetic Sun.
    number : int
        Patches of each source.
    halo : int
        Input pixels around a patch.
    seed : int
        Of places, angles and phases of the patches.
    """

    def __init__(self, recipe, directory, *, number, halo, seed):
        self.recipe, self.directory, self.number, self.seed = recipe, directory, number, seed
        psf, target = recipe.optics()
        self.sampling = {
            "psf": psf,
            "target": target,
            "plate_scale": recipe["plate_scale"],
            "size": recipe["patches"]["size"],
            "halo": halo,
            "turn": recipe["patches"]["turn"] and recipe.round,
        }
        files = recipe.table.get("files", []) if directory is not None else []
        self.files = [(entry, *read_truth(directory, entry, observable=recipe["observable"])) for entry in files]
        self.kinds = [entry["kind"] for entry in recipe.table.get("synthetic", [])]

    def _sun(self, kind, seed, **options):
        return synthetic_truth(self.recipe["observable"], kind, seed=seed, **options)

    def _sample(self, truths, part, **changes):
        """Cut `number` patches of each of several lists of truths, each list under one name."""
        rng = np.random.default_rng([self.seed, part])
        parts = []
        for several in truths:
            for i, truth in enumerate(several):
                number = self.number * (i + 1) // len(several) - self.number * i // len(several)
                parts.append(sample_patches(truth, number, rng=rng, **(self.sampling | changes)))
        return Patches.join(parts)

    def _case(self, truths, part, noise=1.0, mu=1.0, **changes):
        optics = {key: (self.sampling | changes)[key] for key in ("psf", "target", "plate_scale")}
        truth = "other" if part > 1 else "held out"
        return Case(truth, self._sample(truths, part, **changes), noise * self.recipe["noise"], optics, mu)

    def training(self):
        """Return patches of the parts that networks may train on: one scene of each kind."""
        truths = [train for _, train, _ in self.files if train] + [[self._sun(kind, 0)] for kind in self.kinds]
        return self._sample(truths, 0)

    def held_out(self):
        """Return the case of what was kept from the training: strips of files, and scenes by their seeds."""
        truths = [test for _, _, test in self.files if test]
        scenes = {kind: range(HELD_OUT_SEEDS, HELD_OUT_SEEDS + _SCENES.get(kind, 1)) for kind in self.kinds}
        truths += [[self._sun(kind, seed) for seed in seeds] for kind, seeds in scenes.items()]
        return self._case(truths, 1)

    def cases(self):
        """Yield all cases: what was held out, then others.

        Yields
        ------
        Case
        """
        yield self.held_out()
        yield from self.other()

    def other(self):
        """Yield cases unlike what was held out, most of them unlike the training, too; all scenes are new.

        Yields
        ------
        Case
        """
        magnetic = self.recipe["observable"] == "magnetogram"
        kinds = ("plage", "spot") if magnetic else ("quiet", "spot")

        def named(name, **options):
            suns = [self._sun(kind, _OTHER_SEED, **options) for kind in kinds]
            return [[dataclasses.replace(sun, source=f"{sun.source}, {name}")] for sun in suns]

        yield self._case(named("mu = 0.7", mu=0.7), 2, mu=0.7)
        larger = [test for _, _, test in self.files if test][:1]
        larger = [[dataclasses.replace(one, source=f"{one.source}, zoom 1.4") for one in test] for test in larger]
        if larger:
            yield self._case(larger, 3, zoom=(1.4, 1.4))
        yield self._case(named("twice the noise"), 4, noise=2.0)
        # 6.3 G is that of magnetograms of 720 s (Liu et al. 2012, Sol. Phys., 279, 295).
        name, noise = ("noise of 6.3 G", 0.63) if magnetic else ("half the noise", 0.5)
        yield self._case(named(name), 8, noise=noise)
        psfs = {
            "PSF of Wachter": WachterPSF(omega=1.8, width=3.0),
            "PSF 5 % narrower": WachterPSF(omega=1.9, width=3.23),
            "PSF 5 % wider": WachterPSF(omega=2.1, width=3.57),
        }
        for part, (name, psf) in enumerate(psfs.items(), start=5):
            yield self._case(named(name), part, psf=psf)
