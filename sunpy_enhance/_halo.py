"""How far the influence of a pixel reaches in a network."""

import numpy as np

__all__ = ["measure_halo"]


def measure_halo(run, padding=0, *, seed=0):
    """Measure how far the influence of an input pixel reaches.

    Parameters
    ----------
    run : callable
        (y + 2 padding, x + 2 padding) -> (2y, 2x), float32.
    padding : int
        By how much the network wants its input padded; 0 where it pads by itself.
    seed : int
        Of the image that it is measured on.

    Returns
    -------
    int
        Largest distance in input pixels, along an axis, at which an impulse changes the output.

    Raises
    ------
    RuntimeError
        Where the influence reaches farther than 128 pixels, or there is none, or the output is not finite.
    """
    rng = np.random.default_rng(seed)
    for half in (16, 32, 64, 128):
        # A random background keeps the ReLUs from hiding a part of the network.
        image = rng.normal(0, 1, (2 * (half + padding),) * 2).astype(np.float32)
        before, reaches = run(image), []
        if not np.isfinite(before).all():
            msg = "the network gives numbers that are not finite: its weights are too large"
            raise RuntimeError(msg)
        for axis in (0, 1):
            changed = image.copy()
            # A strip across the other axis, so that kernels with zero taps here and there do not hide.
            np.moveaxis(changed, axis, 0)[half + padding] += 10.0
            rows = np.flatnonzero((run(changed) != before).any(axis=1 - axis)) // 2
            reaches += list(np.abs(rows - half))
        if not reaches:
            msg = "the network gives the same whatever its input: it is not trained, or its training has collapsed"
            raise RuntimeError(msg)
        # It ended within what was looked at.
        if max(reaches) < half - 1:
            return int(max(reaches))
    msg = f"the influence of a pixel reaches {half} pixels or farther: tiles cannot overlap by that much"
    raise RuntimeError(msg)
