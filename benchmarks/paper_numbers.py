"""The numbers that Diaz Baso & Asensio Ramos (2018) quote, measured on a frame."""

import numpy as np
from frames import _QUIET_SUN

from sunpy_enhance._pixels import bilinear, rows_of
from sunpy_enhance.optics import DeltaPSF, WachterPSF, degrade, redegrade_image
from sunpy_enhance.richardson_lucy import deconvolve
from sunpy_enhance.validation import check
from sunpy_enhance.validation.regimes import regimes
from sunpy_enhance.validation.spectra import radial_power

FINE = 0.252
# Cycles per pixel of 0.252 arcsec: beyond, the paper's Fig. 8 shows its levels of white noise.
HIGH = 0.25
# HMI's pixels off the frame's border.
MARGIN = 16


def double(footprint):
    return footprint.repeat(2, axis=0).repeat(2, axis=1)


def interpolated(smap):
    """Return the frame at twice the sampling, as the paper's Fig. 8 compares."""
    image = smap.data.astype(float)
    return bilinear(rows_of(image, 0, len(image)))


def white_noise(image):
    """Return the standard deviation of white noise with the mean power beyond `HIGH`."""
    frequency, power = radial_power(image, FINE)
    return np.sqrt(power[frequency * FINE > HIGH].mean()) / FINE


def contrast(image, scale):
    part = image[tuple(slice(scale * s.start, scale * s.stop) for s in _QUIET_SUN)]
    return part.std() / part.mean()


def continuum_rows(smap, restored):
    """Return one dict for each quantity: ``quantity``, ``paper``, "HMI" and the methods to text."""
    umbra = regimes(smap.data, "continuum")["umbra"]
    before = smap.data[umbra].mean(dtype=float)
    rows = [
        {"quantity": "granulation contrast", "paper": "3.7 % to about 7 %", "HMI": f"{contrast(smap.data, 1):.1%}"},
        {"quantity": "umbral intensity", "paper": "lower by 3 to 7 %", "HMI": f"{before:.3f}"},
        {"quantity": "the same, change in units of the quiet Sun", "paper": ""},
        {"quantity": "continuum: residual over intensity", "paper": ""},
    ]
    for name, one in restored.items():
        rows[0][name] = f"{contrast(one.data, 2):.1%}"
        after = one.data[double(umbra)].mean(dtype=float)
        rows[1][name], rows[2][name] = f"{after / before - 1:+.1%}", f"{after - before:+.1%}"
        rows[3][name] = f"{check(one, smap).regimes['all']['relative']:.2%}"
    return rows


def magnetogram_rows(smap, restored, continuum):
    """Return the same for the field; `continuum` is of the same region."""
    seen = interpolated(smap)
    strength = np.abs(seen)
    kilogauss = (strength > 900) & (strength < 1100)
    quiet_sun = double(regimes(continuum.data, "continuum")["quiet Sun"])
    plage = quiet_sun & (strength > 200)
    umbra = double(regimes(continuum.data, "continuum")["umbra"])
    weak = double(np.abs(smap.data) < 20)
    reference = restored["network"].data.astype(float)
    quantities = {
        "1 kG: median factor": ("1.3 to 1.4", lambda b: f"{np.median(np.abs(b / seen)[kilogauss]):.2f}"),
        "1 kG: 84th percentile of the factor": ("", lambda b: f"{np.percentile(np.abs(b / seen)[kilogauss], 84):.2f}"),
        "plage (above 200 G outside of spots): 95th percentile of the factor": (
            "up to 2",
            lambda b: f"{np.percentile(np.abs(b / seen)[plage], 95):.2f}",
        ),
        "unsigned flux": ("almost the same", lambda b: f"{np.abs(b).mean() / strength.mean() - 1:+.1%}"),
        "the same above 50 G": (
            "",
            lambda b: f"{np.abs(b)[np.abs(b) > 50].sum() / strength[strength > 50].sum() - 1:+.1%}",
        ),
        "white noise with the power of the smallest scales": (
            "12 G (HMI), 75 to 80 G (Richardson-Lucy)",
            lambda b: f"{white_noise(b):.1f} G",
        ),
        "RMS of quiet pixels": ("about 10 G (HMI)", lambda b: f"{np.sqrt(np.mean(b[weak] ** 2)):.1f} G"),
        "strength in the umbra minus the network's": (
            "50 to 80 G (Richardson-Lucy)",
            lambda b: f"{(np.abs(b) - np.abs(reference))[umbra].mean():+.0f} G",
        ),
        "scales at which power is added, in pixels": ("4 to 20, most at 7", lambda b: scales(seen, b)),
        "power below 0.15 per pixel over the network's": (
            "almost the same (Richardson-Lucy)",
            lambda b: f"{low_power(b) / low_power(reference):.2f}",
        ),
    }
    rows = [{"quantity": key, "paper": paper} for key, (paper, _) in quantities.items()]
    own = {"RMS of quiet pixels", "white noise with the power of the smallest scales"}
    for row, (key, (_, measure)) in zip(rows, quantities.items(), strict=True):
        if key in own:
            row["HMI"] = measure(seen)
        row |= {name: measure(one.data.astype(float)) for name, one in restored.items()}
    relative = {name: f"{check(one, smap).regimes['all']['relative']:.1%}" for name, one in restored.items()}
    fine = {name: f"{_fine_residual(one.data, seen):.1%}" for name, one in restored.items() if "Richardson" in name}
    paper = "about 4 % (network), below 1 % (Richardson-Lucy)"
    return [
        *rows,
        {"quantity": "residual over field, HMI's pixels", "paper": paper} | relative,
        {"quantity": "residual over field, interpolated pixels", "paper": paper} | fine,
    ]


def _fine_residual(image, seen):
    again = degrade(image.astype(np.float32), WachterPSF(), FINE)
    inner = np.s_[2 * MARGIN : -2 * MARGIN, 2 * MARGIN : -2 * MARGIN]
    return np.abs(again - seen)[inner].sum() / np.abs(seen)[inner].sum()


def low_power(image):
    frequency, power = radial_power(image, FINE)
    return np.sum((power * frequency)[frequency * FINE < 0.15])


def scales(seen, image):
    """Say at which scales power is added: most, and at least half as much, per logarithmic interval of frequency."""
    frequency, power = radial_power(image, FINE)
    _, before = radial_power(seen, FINE)
    added = frequency**2 * (power - before)
    if added.max() < 0.1 * np.max(frequency**2 * before):
        return "none"
    below = np.flatnonzero(added < added.max() / 2)
    most = np.argmax(added)
    first = max(below[below < most], default=-1) + 1
    last = min(below[below > most], default=len(added)) - 1
    largest, best, smallest = 1 / (frequency[[first, most, last]] * FINE)
    return f"{smallest:.0f} to {largest:.0f}, most at {best:.0f}"


def psf_rows(smap, seen, scale):
    """Return the power of the degraded scene over HMI's in bands of frequency, for each point spread function."""
    q, observed = radial_power(smap.data[_QUIET_SUN], 0.504)
    rows = []
    for low, high in ((0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9)):
        ratios = []
        for image in seen.values():
            f, power = radial_power(image, scale)
            ours, theirs = (p[(g > low) & (g <= high)].mean() for g, p in ((f, power), (q, observed)))
            ratios.append(f"{ours / theirs:.2f}")
        rows.append([f"{low} to {high} cycles/arcsec", *ratios])
    return rows


def iteration_rows(smap):
    """Return what Richardson-Lucy leaves and adds, by the number of iterations."""
    seen = interpolated(smap).astype(np.float32)
    weak = double(np.abs(smap.data) < 20)
    inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
    rows = []
    for signed in ("offset", "split"):
        for iterations in (10, 20, 50, 100, 200):
            result = deconvolve(seen, WachterPSF(), FINE, iterations=iterations, signed=signed)
            again = redegrade_image(result, FINE, WachterPSF(), DeltaPSF())
            coarse = np.abs(again - smap.data)[inner].sum() / np.abs(smap.data)[inner].sum()
            rows.append(
                [
                    signed,
                    iterations,
                    f"{_fine_residual(result, seen):.1%}",
                    f"{coarse:.1%}",
                    f"{white_noise(result):.1f}",
                    f"{np.sqrt(np.mean(result[weak].astype(float) ** 2)):.1f}",
                    f"{np.abs(result).max():.0f}",
                ]
            )
    return rows
