"""``sunpy-enhance models``: the cards of the networks."""

__all__ = ["add_to"]


def add_to(commands):
    """Add the command."""
    models = commands.add_parser("models", help="show the cards of the networks")
    models.set_defaults(function=_models)


def _models(options):  # noqa: ARG001 (one signature for all)
    from sunpy_enhance import available_models

    for name, card in available_models().items():
        takes = "I / quiet Sun" if card.normalisation == "quiet_sun" else card.unit
        print(
            f"{name} {card.version}: HMI {card.observable} ({takes}), {card.plate_scale} arcsec/pixel, x{card.scale}; "
            f"mu >= {card.mu_validated:g}; halo {card.halo} pixels; licence {card.licence}"
        )
        if name.endswith("-linear"):
            print(f"  the linear filter that {name.removesuffix('-linear')} is measured against")
            continue
        methods = (name, "linear", "bicubic")
        print(f"  {'RMS error, held out':<22}" + "".join(f"{method:>22}" for method in methods))
        for source, results in card.metrics.items():
            print(f"  {source:<22}" + "".join(f"{_cell(results[method], card):>22}" for method in methods))
    return 0


def _cell(figures, card):
    rms = f"{figures['rms']:.1f} G" if card.unit == "G" else f"{100 * figures['rms']:.2f} %"
    return f"{rms}, {figures['psnr']:.1f} dB"
