"""Figures as lines of text."""

from sunpy_enhance.validation.scores import POWER_BANDS

__all__ = ["cells", "check_lines", "columns"]


def columns(observable):
    """Return {figure: (heading, factor, format)} of what `~sunpy_enhance.validation.scores.evaluate` gives.

    Parameters
    ----------
    observable : {"continuum", "magnetogram"}
        Errors are in gauss, or in per cent of the quiet Sun.

    Returns
    -------
    dict
    """
    unit, factor, style = ("G", 1, ".2f") if observable == "magnetogram" else ("%", 100, ".3f")
    return {
        "rms": (f"RMS [{unit}]", factor, style),
        "psnr": ("PSNR [dB]", 1, ".2f"),
        "ssim": ("SSIM", 1, ".4f"),
        "correlation": ("correlation", 1, ".4f"),
        "contrast": ("contrast", 1, ".3f"),
        **{key: (f"power {low:g}-{high:g}/arcsec", 1, ".2f") for key, (low, high) in POWER_BANDS.items()},
        "bias": (f"bias [{unit}]", factor, "+" + style),
        "flux": ("flux", 1, ".4f"),
        "net_flux": ("net flux", 1, "+.4f"),
        "residual": (f"residual [{unit}]", factor, style),
        "chi_square": ("chi-square", 1, ".2f"),
        "coverage_1": ("within 1 sigma [%]", 100, ".1f"),
        "coverage_2": ("within 2 sigma [%]", 100, ".1f"),
    }


def cells(row, columns):
    """Return the figures of a row as text, nothing where it has none."""
    return [format(factor * row[key], style) if key in row else "" for key, (_, factor, style) in columns.items()]


def check_lines(found):
    """Return what a `~sunpy_enhance.validation.Check` prints."""
    magnetic = found.observable == "magnetogram"
    unit, factor, style = ("G", 1, ".2f") if magnetic else ("%", 100, ".3f")

    def show(value, sign=""):
        return format(factor * value, sign + style)

    lines = [
        f"{found.model}: residual (re-degraded minus input) of {found.observable}, noise {show(found.noise)} {unit}"
        + ("" if magnetic else " of the quiet Sun"),
        f"  {'':<10}{'pixels':>12}{f'RMS [{unit}]':>12}{f'bias [{unit}]':>12}{'relative':>12}{'chi-square':>12}"
        + (f"{'strength [G]':>14}" if magnetic else ""),
    ]
    for name, one in found.regimes.items():
        if not one["pixels"]:
            lines.append(f"  {name:<10}{0:>12}")
            continue
        lines.append(
            f"  {name:<10}{one['pixels']:>12,}{show(one['rms']):>12}{show(one['bias'], '+'):>12}"
            f"{one['relative']:>12.2%}{one['chi_square']:>12.2f}"
            + (f"{show(one['strength'], '+'):>14}" if magnetic else "")
        )
    lines.append(f"  {'':<22}{'before':>12}{'after':>12}{'change':>12}")
    rows = [("mean", f"mean [{unit}]", "+"), ("contrast", f"standard dev. [{unit}]", "")]
    if magnetic:
        rows.append(("unsigned", "mean abs(B) [G]", ""))
    for key, label, sign in rows:
        one = found.levels[key]
        change = one["after"] - one["before"]
        lines.append(
            f"  {label:<22}{show(one['before'], sign):>12}{show(one['after'], sign):>12}{show(change, '+'):>12}"
        )
    for key, label in (("net_flux", "net flux [Mx]"), ("unsigned_flux", "unsigned flux [Mx]")) if magnetic else ():
        one = found.levels[key]
        change = one["after"] - one["before"]
        lines.append(f"  {label:<22}{one['before']:>12.4g}{one['after']:>12.4g}{change:>+12.3g}")
    return lines
