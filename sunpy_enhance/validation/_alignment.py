"""Two Maps of one region onto one grid, and the shift between them that their headers do not know of."""

import numpy as np

import astropy.units as u

__all__ = ["fill_gaps", "find_shift", "move", "onto_one_grid"]

# Images of different regions correlate by chance, but not by this much.
_LOWEST_CORRELATION = 0.2
# Pixels with data in both: fewer tell nothing.
_FEWEST = 30
# Of the neighbours of a pixel, weighted by a Gaussian of one pixel: below, it lies inside a gap.
_LOWEST_WEIGHT = 0.05
# Rounds in which gaps are filled, and the pixels of the Gaussian that smooths in each.
_ROUNDS, _SMOOTHING = 10, 0.7


def onto_one_grid(reference, enhanced):
    """Return the part of the enhanced Map that the reference shows, and the reference's image on its pixels."""
    from reproject import reproject_interp

    from sunpy.coordinates import propagate_with_solar_surface

    # Along the border, as the corners of a turned frame are not the outermost in x and y.
    along, across = np.tile(np.linspace(0, 1, 9), 4), np.repeat([0, 1], 9)
    edges = np.concatenate([along[:18], across]), np.concatenate([across, along[:18]])
    pixels = [edge * (n - 1) * u.pix for edge, n in zip(edges, reference.data.shape[::-1], strict=True)]
    # Where the times differ, the Sun has turned.
    with propagate_with_solar_surface():
        x, y = (v.to_value(u.pix) for v in enhanced.world_to_pixel(reference.pixel_to_world(*pixels)))
        if not np.isfinite(x + y).any():
            msg = (
                "no point of the reference's border is on the disk, where the Sun's rotation between the two times is "
                "known: check the pointing in the reference's header, or cut a part out that is on the disk"
            )
            raise ValueError(msg)
        limits = [
            (max(int(np.floor(np.nanmin(v))), 0), min(int(np.ceil(np.nanmax(v))), n - 1))
            for v, n in zip((x, y), enhanced.data.shape[::-1], strict=True)
        ]
        size = [max(last - first + 1, 0) for first, last in limits]
        if min(size) < 32:
            msg = (
                f"the Maps have {size[0]} x {size[1]} pixels in common, expected at least 32 x 32: "
                "check the pointing in the reference's header"
            )
            raise ValueError(msg)
        first, last = ([axis[i] for axis in limits] * u.pix for i in (0, 1))
        part = enhanced.submap(first, top_right=last)
        onto = {"output_projection": part.wcs, "shape_out": part.data.shape}
        image, _ = reproject_interp((fill_gaps(reference.data), reference.wcs), order="bicubic", **onto)
        gaps = ~np.isfinite(reference.data)
        if gaps.any():  # which a spline would spread over everything
            gaps, _ = reproject_interp((gaps.astype(float), reference.wcs), order="bilinear", **onto)
            image[~(gaps < 1e-3)] = np.nan
    return part, image


def find_shift(ours, other, largest):
    """Return by how many pixels (y, x) `other` has to be moved, to a hundredth, from the peak of a correlation.

    Whole pixels from the cross-correlation; then the maximum of Pearson's coefficient itself, as gaps, borders and
    different means bias what a Fourier transform finds.
    """
    from scipy import fft, ndimage, optimize

    both = np.isfinite(ours) & np.isfinite(other)
    if both.sum() < _FEWEST:
        msg = (
            f"the Maps have {both.sum()} pixels with data in common, expected at least {_FEWEST}: "
            "check their masks and gaps, and the pointing in the reference's header"
        )
        raise ValueError(msg)
    fields = [np.where(both, one - np.mean(one[both]), 0) for one in (ours, other)]
    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in ours.shape))
    shape = [fft.next_fast_len(2 * n) for n in ours.shape]
    spectra = [fft.rfft2(one * window, s=shape) for one in fields]
    correlation = fft.irfft2(spectra[0] * spectra[1].conj(), s=shape)
    # One pixel beyond what is allowed: there a peak tells that the shift is a larger one.
    reach = [min(round(largest) + 1, n // 3) for n in ours.shape]
    near = np.roll(correlation, reach, axis=(0, 1))[: 2 * reach[0] + 1, : 2 * reach[1] + 1]
    peak = np.array(np.unravel_index(np.argmax(near), near.shape)) - reach
    if np.any(np.abs(peak) >= reach):
        msg = (
            f"the best shift found is {tuple(map(int, peak[::-1]))} pixels, expected less than {tuple(reach[::-1])}, "
            "at most a third of what both show: check that both show one region, or give a larger largest_shift= or Map"
        )
        raise ValueError(msg)

    coefficients = ndimage.spline_filter(fill_gaps(other), order=3, mode="mirror")
    known = np.isfinite(other).astype(float)
    margin = [abs(int(p)) + 3 for p in peak]
    inner = tuple(slice(m, n - m) for m, n in zip(margin, ours.shape, strict=True))
    good = np.isfinite(ours[inner])

    def difference(shift):
        moved = ndimage.shift(coefficients, shift, order=3, mode="mirror", prefilter=False)[inner][good]
        # Gaps move along: what they were filled with must not count, nor how many of them fall on those of `ours`.
        weights = ndimage.shift(known, shift, order=1)[inner][good]
        if weights.sum() < _FEWEST:
            return 1.0
        (a, covariance), (_, b) = np.cov(ours[inner][good], moved, aweights=weights)
        return 1 - covariance / np.sqrt(a * b)

    options = {"xatol": 1e-3, "fatol": 1e-9, "initial_simplex": peak + np.array([[0, 0], [0.4, 0], [0, 0.4]])}
    best = optimize.minimize(difference, peak.astype(float), method="Nelder-Mead", options=options)
    if 1 - best.fun < _LOWEST_CORRELATION:
        msg = (
            f"the best correlation within the largest shift is {1 - best.fun:.2f}: "
            "check that both show the same region, or give a larger largest_shift="
        )
        raise ValueError(msg)
    return best.x


def fill_gaps(image):
    """Return an image whose pixels that are not finite have what their neighbours suggest, or else the nearest value.

    The nearest alone would be taken on the same side everywhere, and so seem to move the image.
    """
    from scipy import ndimage

    bad = ~np.isfinite(image)
    if not bad.any():
        return image
    nearest = ndimage.distance_transform_edt(bad, return_distances=False, return_indices=True)
    filled = image[tuple(nearest)]
    known, values = (
        ndimage.gaussian_filter(one, 1.0, mode="mirror") for one in ((~bad).astype(float), np.where(bad, 0.0, image))
    )
    beside = bad & (known > _LOWEST_WEIGHT)
    filled[beside] = values[beside] / known[beside]
    # After Papoulis (1975, IEEE Trans. Circuits Syst., 22, 735): in turns smooth, and as measured where it was.
    for _ in range(_ROUNDS):
        smooth = ndimage.gaussian_filter(filled, _SMOOTHING, mode="mirror")
        smooth += smooth - ndimage.gaussian_filter(smooth, _SMOOTHING, mode="mirror")
        filled[bad] = smooth[bad]
    return filled


def move(image, shift):
    """Move an image by a fraction of pixels; NaN come along, and come in at the border."""
    from scipy import ndimage

    moved = ndimage.shift(fill_gaps(image), shift, order=3, mode="mirror")
    gone = ndimage.shift((~np.isfinite(image)).astype(float), shift, order=1, mode="constant", cval=1)
    moved[gone > 1e-3] = np.nan
    return moved
