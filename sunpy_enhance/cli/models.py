"""``sunpy-enhance models | import-keras``: the cards of the networks, and networks from elsewhere."""

from sunpy_enhance._files import with_home

__all__ = ["add_to"]


def add_to(commands):
    """Add the commands."""
    models = commands.add_parser("models", help="show the cards of the networks, get the published ones")
    models.add_argument("--fetch", metavar="NAME", help="get a published network, such as diazbaso2018, and show it")
    models.add_argument(
        "--from",
        dest="source",
        metavar="PLACE",
        help="folder or URL to get its files from; default: the folder of the models, or where it was published",
    )
    models.set_defaults(function=_models)

    keras = commands.add_parser("import-keras", help="make a network of weights of Keras (needs the extra 'keras')")
    keras.add_argument(
        "weights", type=with_home, metavar="WEIGHTS", help="HDF5 file of the network of cdiazbas/enhance"
    )
    keras.add_argument("out", type=with_home, metavar="OUT", help="the .onnx file to write")
    keras.add_argument("--observable", choices=("continuum", "magnetogram"), required=True)
    for field, meaning in (
        ("name", "of the network; default: that of OUT"),
        ("licence", "of the weights; default: unknown"),
        ("citation", "of the work that they are from; default: unknown"),
    ):
        keras.add_argument(f"--{field}", metavar="TEXT", help=meaning)
    keras.add_argument(
        "--mu-validated", type=float, metavar="MU", help="lowest mu it is trusted at; default: the paper's"
    )
    keras.add_argument(
        "--noise", type=float, help="noise it was trained with, in I / quiet Sun or G; default: the paper's"
    )
    keras.set_defaults(function=_import_keras)


def _models(options):
    from sunpy_enhance import available_models
    from sunpy_enhance._network import load_network
    from sunpy_enhance.published import PUBLISHED, fetch_network, network_path, published_names

    if options.fetch:
        for path in fetch_network(options.fetch, source=options.source).values():
            _show(load_network(path, "cpu").card)
            print(f"  {path}")
        return 0
    if options.source:
        msg = "--from is for --fetch: name the network, such as --fetch diazbaso2018"
        raise ValueError(msg)
    for card in available_models().values():
        _show(card)
    for name in published_names():
        if network_path(name).is_file():
            _show(load_network(name, "cpu").card)
    for publication in PUBLISHED:
        missing = [name for name in published_names(publication) if not network_path(name).is_file()]
        if missing:
            print(f"{', '.join(missing)}: published, get with sunpy-enhance models --fetch {publication}")
    return 0


def _import_keras(options):
    from sunpy_enhance.keras import import_keras

    fields = ("observable", "name", "licence", "citation", "mu_validated", "noise")
    given = {field: value for field in fields if (value := getattr(options, field)) is not None}
    _show(import_keras(options.weights, options.out, **given))
    return 0


def _show(card):
    """Print a card."""
    takes = "I / quiet Sun" if card.normalisation == "quiet_sun" else card.unit
    print(
        f"{card.name} {card.version}: HMI {card.observable} ({takes}), {card.plate_scale} arcsec/pixel, x{card.scale}; "
        f"mu >= {card.mu_validated:g}; halo {card.halo} pixels; licence {card.licence}"
    )
    if not card.metrics:
        print(f"  cite {card.citation}; not measured against held-out truth")
        return
    if card.name.endswith("-linear"):
        print(f"  the linear filter that {card.name.removesuffix('-linear')} is measured against")
        return
    methods = (card.name, "linear", "bicubic")
    print(f"  {'RMS error, held out':<22}" + "".join(f"{method:>22}" for method in methods))
    for source, results in card.metrics.items():
        print(f"  {source:<22}" + "".join(f"{_cell(results[method], card):>22}" for method in methods))


def _cell(figures, card):
    rms = f"{figures['rms']:.1f} G" if card.unit == "G" else f"{100 * figures['rms']:.2f} %"
    return f"{rms}, {figures['psnr']:.1f} dB"
