"""Flicker: how much a static scene changes from frame to frame when nothing but the noise does.

`sunpy_enhance.enhance_map` sees one frame at a time. Of a film of a Sun that stands still, with independent noise in
each frame, the root mean square of the difference between frames after over that before says how much of the noise
comes through: 1 keeps it. Run ``python benchmarks/flicker.py [--models NAME|FILE ...]`` for the table alone.
"""

import argparse

import numpy as np
from rows import print_rows

from sunpy_enhance import available_models
from sunpy_enhance._network import apply_tiled, load_network
from sunpy_enhance._pixels import cubic, rows_of
from sunpy_enhance.demo import demo_truth

# Noise of a frame, in units of the quiet Sun or gauss, as in the other tables.
NOISE = {"continuum": 1e-3, "magnetogram": 10.0}


def regimes(observable, truth):
    """Return {name: where} of a static scene at the output pixels, from its truth (2y, 2x)."""
    if observable == "continuum":
        umbra, quiet = truth < 0.5, truth > 0.85
        return {"quiet": quiet, "penumbra": ~umbra & ~quiet, "umbra": umbra}
    strength = np.abs(truth)
    return {"below 50 G": strength < 50, "50 to 500 G": (strength >= 50) & (strength < 500), "above": strength >= 500}


def film(image, noise, frames, seed):
    """Yield an image with independent noise."""
    rng = np.random.default_rng(seed)
    for _ in range(frames):
        yield (image + rng.normal(0, noise, image.shape)).astype(np.float32)


def flicker_of(restore, frames, where):
    """Return the flicker of a method in each regime.

    Parameters
    ----------
    restore : callable
        From (y, x) to (2y, 2x).
    frames : iterable of `numpy.ndarray`
        Of one scene.
    where : dict
        Name to pixels of the output.

    Returns
    -------
    dict
        Name to RMS of the output's difference from one frame to the next over that of the input.
    """
    before, last = 0.0, None
    after = dict.fromkeys(where, 0.0)
    for frame in frames:
        result = restore(frame)
        if last is not None:
            before += np.mean(np.square(frame - last[0], dtype=float))
            change = np.square(result - last[1], dtype=float)
            for name, pixels in where.items():
                after[name] += change[pixels].mean()
        last = frame, result
    return {name: float(np.sqrt(value / before)) for name, value in after.items()}


def flicker_rows(observable, models, *, frames=8, seed=2026):
    """Return rows of the table: a dict for each method and regime.

    Parameters
    ----------
    observable : {"continuum", "magnetogram"}
    models : dict
        Name to what `sunpy_enhance.enhance_map` takes as model, or None for bicubic interpolation.
    frames, seed : int
    """
    # The scene is what the larger telescope sees, seen by HMI: the demonstration's, less its noise.
    from sunpy_enhance.optics import redegrade_image

    truth = demo_truth()[observable][1]
    image = redegrade_image(truth, 0.252)
    where = regimes(observable, truth)
    rows = []
    for name, model in models.items():
        if model is None:

            def restore(frame):
                return cubic(rows_of(frame, 0, len(frame)))
        else:
            network = load_network(model, "cpu")

            def restore(frame, network=network):
                return apply_tiled(network, frame)

        found = flicker_of(restore, film(image, NOISE[observable], frames, seed), where)
        rows += [
            {"observable": observable, "method": name, "row": row, "flicker": value} for row, value in found.items()
        ]
    return rows


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", help="names or .onnx files; default: all shipped ones")
    options = parser.parse_args()
    chosen = {}
    for model in options.models or available_models():
        chosen.setdefault(load_network(model, "cpu").card.observable, {})[str(model)] = model
    found = [row for of, models in chosen.items() for row in flicker_rows(of, models | {"bicubic": None})]
    rows = [[row["observable"], row["method"], row["row"], f"{row['flicker']:.2f}"] for row in found]
    print_rows([["observable", "method", "regime", "flicker"], *rows])


if __name__ == "__main__":
    main()
