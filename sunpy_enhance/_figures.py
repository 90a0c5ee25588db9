"""Before and after, on one page."""

import numpy as np

import astropy.units as u

__all__ = ["before_after"]

# Arcsec along a side of the close-up that is shown beside larger Maps.
_CLOSE_UP = 100


def before_after(smap, enhanced, path):
    """Draw a Map and its enhanced one side by side with the same colours, and write a PNG.

    Where the Map is much larger than an active region, a second row shows a close-up of the
    strongest field, or of the darkest spot, that was enhanced.

    Parameters
    ----------
    smap, enhanced : `sunpy.map.GenericMap`
        The input and the output of `sunpy_enhance.enhance_map`.
    path : path
        Of the PNG.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    pairs = [(smap, enhanced)]
    plate_scale = abs(smap.scale.axis1.to_value(u.arcsec / u.pix))
    if max(smap.data.shape) * plate_scale > 3 * _CLOSE_UP:
        pairs.append(_close_up(smap, enhanced, round(_CLOSE_UP / plate_scale)))
    # Without pyplot: a program that runs over an archive must not keep figures, nor ask for a screen.
    figure = Figure(figsize=(11, 5.2 * len(pairs)), layout="constrained")
    FigureCanvasAgg(figure)
    for row, pair in enumerate(pairs):
        low, high = _range(pair[0])
        for column, (one, title) in enumerate(zip(pair, ("HMI", "enhanced"), strict=True)):
            axes = figure.add_subplot(len(pairs), 2, 2 * row + column + 1, projection=one)
            # A full disk has far more pixels than the page.
            step = max(1, one.data.shape[1] // 1600)
            shown = one.data[::step, ::step]
            height, width = one.data.shape
            image = axes.imshow(
                shown,
                origin="lower",
                cmap="gray",
                vmin=low,
                vmax=high,
                extent=(-0.5, width - 0.5, -0.5, height - 0.5),
                interpolation="nearest",
            )
            axes.set_title(f"{title}: {one.date.isot[:19]}" if row == 0 else title)
            axes.set_xlabel("Solar X (arcsec)")
            axes.set_ylabel("Solar Y (arcsec)")
        unit = f" ({one.unit})" if one.unit is not None else ""
        figure.colorbar(image, ax=figure.axes[-2:], shrink=0.8, label=f"{one.measurement}{unit}")
    figure.savefig(path, dpi=110, format="png")


def _range(smap):
    values = smap.data[np.isfinite(smap.data)]
    values = values[:: max(1, values.size // 10**6)]
    if smap.unit is not None and smap.unit.is_equivalent(u.G):
        largest = max(np.percentile(np.abs(values), 99), 100 * u.G.to(smap.unit))
        return -largest, largest
    low, high = np.percentile(values, [0.1, 99.9])
    return low - 0.1 * (high - low), high + 0.1 * (high - low)


def _close_up(smap, enhanced, size):
    """Return both Maps around the most interesting pixel that was enhanced."""
    data = smap.data.astype(float)
    usable = np.isfinite(data)
    if enhanced.mask is not None:
        usable &= ~enhanced.mask[::2, ::2]
    magnetic = smap.unit is not None and smap.unit.is_equivalent(u.G)
    score = np.where(usable, np.abs(data) if magnetic else -data, -np.inf)
    centre = np.unravel_index(np.argmax(score), score.shape)
    size = min(size, *data.shape)
    y, x = (int(np.clip(c - size // 2, 0, n - size)) for c, n in zip(centre, data.shape, strict=True))

    def part(one, factor):
        first = np.array([x, y]) * factor
        last = first + size * factor - 1
        return one.submap(first * u.pix, top_right=last * u.pix)

    return part(smap, 1), part(enhanced, 2)
