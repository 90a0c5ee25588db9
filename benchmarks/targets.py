"""What the networks have to reach, held against the tables of accuracy and uncertainty."""

# Least gain over the better linear filter in dB of PSNR, by a word in the row's name; a bit more than none elsewhere.
_GAINS = {"quiet": 0.3, "spot": 1.0}
# The same for a field, as a part of the linear filter's RMS error.
_FIELD_GAIN = 0.15
# Percent of the errors within one and two sigma; the tolerance for each regime, and for a source not trained on.
_COVERED = (68, 95)
_REGIME, _UNTRAINED = 3, 5
# What is shown of a target.
_KEYS = ("target", "truth", "row", "required", "found")


def check_targets(rows, frames, flats):
    """Compare the tables with the targets.

    Parameters
    ----------
    rows : list of dict
        Of patches: ``observable``, ``row``, ``truth``, ``method``, ``rms``, ``psnr``, ``multiply_adds``.
    frames : list of dict
        Of AR 11158: ``observable``, ``method``, ``residual``, ``bias``, ``quiet``.
    flats : list of dict
        Of flat images with noise: ``observable``, ``method``, ``noise_in``, ``noise_out``.

    Returns
    -------
    list of dict
        ``target``, ``truth`` ("held out", "other" or nothing), ``row``, ``required``, ``found`` (text) and ``met``.
    """
    truth = {row["row"]: row["truth"] for row in rows}
    told = [*_against_references(rows), *_on_the_real_frame(frames), *_without_structure(flats)]
    return [{"target": one["target"], "truth": truth.get(one["row"], "")} | one for one in told]


def as_text(told, headings=_KEYS):
    """Return the rows of a table of targets, the headings first."""
    return [[*headings, "met"], *([*(one[key] for key in _KEYS), "yes" if one["met"] else "NO"] for one in told)]


def _told(target, row, required, found, met):
    return {"target": target, "row": row, "required": required, "found": found, "met": bool(met)}


def _grouped(rows):
    groups = {}
    for row in rows:
        groups.setdefault((row["observable"], row.get("row")), {})[row["method"]] = row
    return {key: methods for key, methods in groups.items() if key[0] in methods}


def _against_references(rows):
    ratios = {}
    for (observable, name), methods in _grouped(rows).items():
        ours = methods[observable]
        linear = [figures for method, figures in methods.items() if "linear" in method]
        if linear:
            yield _against_linear(observable, name, ours, min(linear, key=lambda figures: figures["rms"]))
        if "bicubic" in methods:
            gain = ours["psnr"] - methods["bicubic"]["psnr"]
            yield _told(f"{observable} against bicubic", name, "> 0 dB", f"{gain:+.2f} dB", gain > 0)
        if paper := methods.get(f"{observable}-paper"):
            gain = ours["psnr"] - paper["psnr"]
            yield _told(f"{observable} against {paper['method']}", name, ">= 0 dB", f"{gain:+.2f} dB", gain >= 0)
            ratios[observable] = ours["multiply_adds"] / paper["multiply_adds"]
    for observable, ratio in ratios.items():
        yield _told(f"{observable}: multiply-adds", f"of {observable}-paper", "<= 0.1", f"{ratio:.3f}", ratio <= 0.1)


def _against_linear(observable, name, ours, linear):
    target = f"{observable} against {linear['method']}"
    if observable == "magnetogram":
        gain = 1 - ours["rms"] / linear["rms"]
        return _told(target, name, f">= {_FIELD_GAIN:.0%} in RMS", f"{gain:+.1%}", gain >= _FIELD_GAIN)
    gain = ours["psnr"] - linear["psnr"]
    least = next((least for word, least in _GAINS.items() if word in name), 0)
    return _told(target, name, f">= {least} dB" if least else "> 0 dB", f"{gain:+.2f} dB", gain >= least and gain > 0)


def _on_the_real_frame(frames):
    for (observable, _), methods in _grouped(frames).items():
        ours, name = methods[observable], f"AR 11158, {observable}"
        residual, bias, quiet = ours["residual"], ours["bias"], ours["quiet"]
        if observable == "continuum":
            yield _told("residual RMS", name, "<= 0.2 %", f"{residual:.3%}", residual <= 2e-3)
            yield _told("bias", name, "within 0.05 %", f"{bias:+.3%}", abs(bias) <= 5e-4)
        else:
            yield _told("residual RMS", name, "<= 8 G", f"{residual:.2f} G", residual <= 8)
            yield _told("bias", name, "within 0.3 G", f"{bias:+.2f} G", abs(bias) <= 0.3)
            yield _told("quiet pixels, RMS", name, "<= 12 G", f"{quiet:.2f} G", quiet <= 12)


def _without_structure(flats):
    for (observable, _), methods in _grouped(flats).items():
        ours, name = methods[observable], f"flat {observable} with noise"
        found = ours["noise_out"]
        if observable == "magnetogram":
            most = 1.3 * ours["noise_in"]
            yield _told("noise out", name, f"<= {most:.1f} G", f"{found:.2f} G", found <= most)
        elif linear := [figures["noise_out"] for method, figures in methods.items() if "linear" in method]:
            most = min(linear)
            yield _told("noise out", name, f"<= {most:.3%} (linear)", f"{found:.3%}", found <= most)


def check_coverage(coverage, untrained=()):
    """Compare what sigma covers with the targets.

    Parameters
    ----------
    coverage : dict
        Name of a network to that of its card.
    untrained : list of dict
        The rows of ``benchmarks/untrained.py``.

    Returns
    -------
    list of dict
        As `check_targets` gives them, ``target`` being the network and ``found`` two numbers in percent.
    """
    told = []
    for name, sources in coverage.items():
        for regime, counted in sources["all"].items():
            within = [100 * counted[f"within_{k}"] for k in (1, 2)]
            told.append(_covered(name, "held out", regime, within, _REGIME))
    for row in untrained:
        within = [float(row[f"within {k} sigma, not trained on it [%]"]) for k in (1, 2)]
        told.append(_covered(row["network"], "not trained on", row["truth"], within, _UNTRAINED))
    return told


def _covered(name, truth, row, within, tolerance):
    met = all(abs(part - wanted) <= tolerance for part, wanted in zip(within, _COVERED, strict=True))
    required = " / ".join(f"{wanted:g} ± {tolerance}" for wanted in _COVERED)
    found = " / ".join(f"{part:.1f}" for part in within)
    return {"truth": truth} | _told(name, row, required, found, met)
