"""Truth into what is trained on and what is held out, cut apart before anything is convolved."""

import dataclasses
import numbers

__all__ = ["hold_out"]

# Between the two, arcsec: what lies farther off a pixel than this adds nothing to it but stray light.
_GAP = 1.5


def hold_out(truths, fraction, axis=0, *, time_gap=0, name="the source"):
    """Part truths so that neither part has seen the other.

    Parameters
    ----------
    truths : list of `~sunpy_enhance.training.truth.Truth`
        In the order of time.
    fraction : float
        How much is held out: at the end if positive, at the beginning if negative.
    axis : {0, 1, "time"}
        0 or 1 cut every image along its y or x axis, with a gap of 1.5 arcsec, and what was cut is no longer
        periodic; "time" parts whole snapshots.
    time_gap : int
        How many snapshots to leave out between the parts.
    name : str
        What messages call the truths.

    Returns
    -------
    train, held_out : list of `~sunpy_enhance.training.truth.Truth`

    Raises
    ------
    ValueError
        Where fraction or axis are none, there is too little to part, or snapshots are to be left out of images that
        are cut.
    """
    if not (isinstance(fraction, numbers.Real) and -1 <= fraction <= 1) or axis not in (0, 1, "time"):
        msg = (
            f"{name} has held_out = {fraction!r} and axis = {axis!r}, "
            'expected a fraction between -1 and 1, and 0, 1 or "time"'
        )
        raise ValueError(msg)
    if time_gap and axis != "time":
        msg = (
            f'{name} has time_gap = {time_gap} and axis = {axis!r}, expected axis = "time" with it: give that, or none'
        )
        raise ValueError(msg)
    if axis == "time":
        return _part_snapshots(truths, fraction, time_gap, name)
    parts = [_cut(truth, fraction, axis, name) for truth in truths]
    train, held_out = ([truth for part in parts for truth in part[side]] for side in (0, 1))
    return train, held_out


def _cut(truth, fraction, axis, name):
    """Cut one image; return two lists of at most one truth."""
    if fraction == 0:
        return [truth], []
    if truth.periodic and abs(fraction) == 1:
        return [], [truth]
    image = truth.image.T if axis else truth.image
    cut = round(len(image) * (1 - fraction if fraction > 0 else -fraction))
    gap = round(_GAP / truth.plate_scale)
    # The end of a periodic image is next to its beginning.
    first, second = image[:cut], image[cut + gap : len(image) - gap if truth.periodic else None]
    if abs(fraction) < 1 and not (len(first) and len(second)):
        sizes = " and ".join(str(len(part) or "none") for part in (first, second))
        msg = (
            f"{name} is cut into {sizes} of {len(image)} rows or columns, expected some on each side of a gap of {gap}"
        )
        raise ValueError(msg)
    train, held_out = (
        [dataclasses.replace(truth, image=part.T if axis else part, periodic=False)] if part.size else []
        for part in ((first, second) if fraction > 0 else (second, first))
    )
    return train, held_out


def _part_snapshots(truths, fraction, gap, name):
    number = round(len(truths) * abs(fraction))
    if abs(fraction) in (0, 1):
        return ([], truths) if fraction else (truths, [])
    if not 0 < number < len(truths) - gap:
        msg = (
            f"{name} has {len(truths)} snapshots, of which a fraction of {abs(fraction)} is to be held out and {gap} "
            "left out in between: expected at least one on each side"
        )
        raise ValueError(msg)
    if fraction < 0:
        return truths[number + gap :], truths[:number]
    return truths[: len(truths) - number - gap], truths[len(truths) - number :]
