"""Before and after, and the uncertainty, on one page."""

import numpy as np

import astropy.units as u

from sunpy_enhance._hmi import date_of, pixel_sides
from sunpy_enhance._pixels import invalid
from sunpy_enhance.uncertainty import sigma_map

__all__ = ["before_after"]

# Arcsec along a side of the close-up that is shown beside larger Maps.
_CLOSE_UP = 100


def before_after(smap, enhanced, path):
    """Draw a Map and its enhanced one side by side with the same colours, and write a PNG.

    Where the enhanced Map has an uncertainty, that is the third panel.

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

    smap, enhanced = _measured(_in_memory(smap)), _in_memory(enhanced)
    rows = [[smap, enhanced]]
    if enhanced.uncertainty is not None:
        rows[0].append(sigma_map(enhanced))
    plate_scale = pixel_sides(smap)[0]
    enhanced_anywhere = enhanced.mask is None or not enhanced.mask.all()
    if max(smap.data.shape) * plate_scale > 3 * _CLOSE_UP and enhanced_anywhere:
        rows.append(_close_up(rows[0], round(_CLOSE_UP / plate_scale)))
    columns = len(rows[0])
    # Without pyplot: a program that runs over an archive must not keep figures, nor ask for a screen.
    figure = Figure(figsize=(5.5 * columns, 5.2 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    for row, maps in enumerate(rows):
        ends = _range(maps[0])
        panels = [
            figure.add_subplot(len(rows), columns, columns * row + column + 1, projection=one)
            for column, one in enumerate(maps)
        ]
        titles = [f"{title}: {date_of(smap).isot[:19]}" if row == 0 else title for title in ("HMI", "enhanced")]
        for axes, one, title in zip(panels[:2], maps, titles, strict=False):
            image = _draw(axes, one, title, "gray", ends)
        label = f"{smap.measurement}{_unit(smap)}"
        figure.colorbar(image, ax=panels[:2], shrink=0.8, label=label)
        for axes, sigma in zip(panels[2:], maps[2:], strict=True):
            image = _draw(axes, sigma, "uncertainty", "viridis", (0, _largest(sigma)))
            figure.colorbar(image, ax=axes, shrink=0.8, label=f"standard deviation{_unit(smap)}")
    figure.savefig(path, dpi=110, format="png")


def _in_memory(smap):
    """Return a Map whose pixels are an array: those of one in pieces, dask's, are computed once for all panels."""
    if isinstance(smap.data, np.ndarray):
        return smap
    return smap._new_instance(np.asarray(smap.data), smap.meta, mask=smap.mask, uncertainty=smap.uncertainty)


def _measured(smap):
    """Return a Map with NaN for the numbers that stand for no measurement, which no colour scale has to hold."""
    lost = invalid(smap.data, smap.meta)
    if not (lost & np.isfinite(smap.data)).any():
        return smap
    data = np.where(lost, np.nan, smap.data)
    return smap._new_instance(data, smap.meta, mask=smap.mask, uncertainty=smap.uncertainty)


def _unit(smap):
    return f" ({smap.unit})" if smap.unit is not None else ""


def _largest(sigma):
    values = sigma.data[np.isfinite(sigma.data)]
    return np.percentile(values[:: max(1, values.size // 10**6)], 99.5) if values.size else 1.0


def _draw(axes, one, title, cmap, ends):
    # A full disk has far more pixels than the page.
    step = max(1, one.data.shape[1] // 1600)
    height, width = one.data.shape
    axes.set_title(title)
    axes.set_xlabel("Solar X (arcsec)")
    axes.set_ylabel("Solar Y (arcsec)")
    return axes.imshow(
        one.data[::step, ::step],
        origin="lower",
        cmap=cmap,
        vmin=ends[0],
        vmax=ends[1],
        extent=(-0.5, width - 0.5, -0.5, height - 0.5),
        interpolation="nearest",
    )


def _range(smap):
    values = smap.data[np.isfinite(smap.data)]
    values = values[:: max(1, values.size // 10**6)]
    if not values.size:
        return 0.0, 1.0
    if smap.unit is not None and smap.unit.is_equivalent(u.G):
        largest = max(np.percentile(np.abs(values), 99), 100 * u.G.to(smap.unit))
        return -largest, largest
    low, high = np.percentile(values, [0.1, 99.9])
    return low - 0.1 * (high - low), high + 0.1 * (high - low)


def _close_up(maps, size):
    """Return the Maps around the most interesting pixel that was enhanced."""
    smap, enhanced = maps[:2]
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

    return [part(smap, 1), *(part(one, 2) for one in maps[1:])]
