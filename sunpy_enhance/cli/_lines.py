"""Lines that several commands print."""

import numpy as np

__all__ = ["describe"]


def describe(smap, enhanced):
    """Return what changed, in a few words."""
    flagged = 0 if enhanced.mask is None else enhanced.mask.mean()
    shape = " x ".join(str(n) for n in enhanced.data.shape)
    before, after = (np.nanstd(one.data) for one in (smap, enhanced))
    return (
        f"{smap.measurement}, {shape} pixels on {enhanced.meta['enhdev']}, standard deviation "
        f"{before:.4g} -> {after:.4g} {smap.unit or ''}, {flagged:.1%} flagged"
    )
