"""The model card: the contract between training and inference.

A network is one ONNX file that carries its card as JSON in ``metadata_props["sunpy_enhance"]``.
Training writes it, inference reads it, and neither knows anything else of the other.
"""

import dataclasses
import itertools
import json

from ._hmi import SMALLEST, check_plate_scale, observable

__all__ = ["ModelCard"]

SCHEMA = 1
OBSERVABLES = ("continuum", "magnetogram")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What a network is, what it takes, how it was made and how well it does.

    Attributes
    ----------
    name, version, licence, citation : str
        Identity.
    instrument : str
        The instrument whose Maps it takes, as in ``smap.instrument`` ("HMI").
    observable : {"continuum", "magnetogram"}
        What it enhances.
    unit : str
        Unit of the numbers that the graph takes and gives, in astropy's spelling: "" for
        intensities in units of the quiet Sun, "G" for a field.
    normalisation : str or float
        "quiet_sun", for continuum: the image is divided by the quiet-Sun level before the graph.
        A number, for a field: the graph itself divides by this constant, in `unit`.
    plate_scale : float
        Arcsec per input pixel.
    plate_scale_tolerance : float
        Largest accepted relative difference from `plate_scale`.
    mu_validated : float
        Lowest cosine of the heliocentric angle at which it was measured to restore truth.
    scale : int
        Output pixels per input pixel along an axis.
    halo : int
        Distance, in input pixels, beyond which an input pixel has no influence; measured.
    multiple_of : int
        Tile sides have to be multiples of this.
    border : {"pad", "own"}
        "pad": the graph only has unpadded convolutions, the caller pads each side by `halo`,
        so ``(y + 2 halo, x + 2 halo)`` gives ``(scale y, scale x)``. "own": the graph pads
        by itself, ``(y, x)`` gives ``(scale y, scale x)``.
    psf, target : dict
        The point spread function it removes and the one that it leaves, as keyword arguments
        of `sunpy_enhance.optics.psf_from_card`.
    noise : float
        Standard deviation of the white noise it was trained with, in `unit`.
    data : dict
        Name to SHA-256 of each training file; generators with their version.
    recipe : str
        Text of the recipe that makes this file again.
    seed : int
    commit : str
    libraries : dict
        Versions that trained it.
    metrics : dict
        Held-out metrics: ``{source: {method: {figure: value}}}``, where the methods are this
        network, "linear" and "bicubic".
    uncertainty : dict or None
        Of a file with the output "sigma", which is calibrated. ``{"coverage": {source: {regime: {"pixels": int,
        "within_1": float, "within_2": float}}}}``: the parts of the held-out errors within one and two sigma.
        ``{"knots": [...], "factors": [...]}``: the factor of the calibration in the graph at some enhanced values, in
        `unit`. Not in the graph: ``{"border": [...]}``, a factor for the outermost input pixels of a frame, from its
        border inwards; ``{"limb": {"mu": [...], "factors": [[...], ...]}}``, for some mu a factor at each knot.
    input_range : tuple of float or None
        Smallest and largest value of the images that it was trained on, without noise, in `unit`.
    schema : int
        Version of this contract.
    """

    name: str
    version: str
    licence: str
    citation: str
    instrument: str
    observable: str
    unit: str
    normalisation: str | float
    plate_scale: float
    plate_scale_tolerance: float
    mu_validated: float
    scale: int
    halo: int
    multiple_of: int
    border: str
    psf: dict
    target: dict
    noise: float
    data: dict
    recipe: str
    seed: int
    commit: str
    libraries: dict
    metrics: dict
    uncertainty: dict | None = None
    input_range: tuple | None = None
    schema: int = SCHEMA

    def __post_init__(self):
        def demand(true, field, expected):
            if not true:
                msg = f"model card: {field} is {getattr(self, field)!r}, expected {expected}"
                raise ValueError(msg)

        demand(self.schema == SCHEMA, "schema", f"{SCHEMA}: update sunpy_enhance or export the network again")
        for field in ("name", "version", "licence", "citation", "instrument", "unit", "recipe", "commit"):
            demand(isinstance(getattr(self, field), str), field, "a text")
        for field in ("psf", "target", "data", "libraries", "metrics"):
            demand(isinstance(getattr(self, field), dict), field, "a table")
        for field in ("plate_scale_tolerance", "mu_validated", "noise"):
            demand(_is_number(getattr(self, field)), field, "a number")
        demand(self.observable in OBSERVABLES, "observable", f"one of {OBSERVABLES}")
        demand(
            self.normalisation == "quiet_sun" or _positive(self.normalisation),
            "normalisation",
            "'quiet_sun' or a positive number",
        )
        continuum = self.observable == "continuum"
        # Photometry and validation know no other numbers.
        demand(continuum == (self.normalisation == "quiet_sun"), "normalisation", "'quiet_sun' for continuum alone")
        demand(self.unit == ("" if continuum else "G"), "unit", "'' for continuum, 'G' for a magnetogram")
        demand(_positive(self.plate_scale), "plate_scale", "a positive number of arcsec")
        demand(0 < self.plate_scale_tolerance < 1, "plate_scale_tolerance", "a fraction between 0 and 1")
        demand(0 <= self.mu_validated <= 1, "mu_validated", "a cosine between 0 and 1")
        demand(self.scale == 2, "scale", "2, the only factor this version knows")
        demand(isinstance(self.halo, int) and self.halo >= 0, "halo", "a non-negative integer")
        demand(isinstance(self.multiple_of, int) and self.multiple_of >= 1, "multiple_of", "a positive integer")
        demand(self.border in ("pad", "own"), "border", "'pad' or 'own'")
        demand(
            self.uncertainty is None
            or (isinstance(self.uncertainty, dict) and isinstance(self.uncertainty.get("coverage"), dict)),
            "uncertainty",
            "a table with the coverage by source and regime, or None",
        )
        border = (self.uncertainty or {}).get("border", [])
        demand(
            isinstance(border, list) and all(map(_positive, border)) and 2 * len(border) <= SMALLEST,
            "uncertainty",
            "border factors that are positive, for few enough pixels",
        )
        demand(
            _is_limb(self.uncertainty or {}),
            "uncertainty",
            "limb factors that are positive, for each mu in increasing order as many as there are knots",
        )
        if isinstance(self.input_range, list):  # JSON has lists only
            object.__setattr__(self, "input_range", tuple(self.input_range))
        demand(
            self.input_range is None or _is_range(self.input_range),
            "input_range",
            "the smallest and the largest value, or None",
        )

    def check(self, smap):
        """Raise unless the network takes this Map.

        Parameters
        ----------
        smap : sunpy.map.GenericMap

        Raises
        ------
        TypeError
            Where it is not a sunpy Map of real numbers.
        ValueError
            Where it is not of the network's instrument, observable or plate scale, or cannot be
            enhanced at all; the message says what to do.
        """
        found = observable(smap)
        if found != self.observable:
            msg = f"the Map is a {found} and the network {self.name} enhances a {self.observable}: leave model= out"
            raise ValueError(msg)
        if not str(smap.instrument).startswith(self.instrument):
            msg = f"the Map is of {smap.instrument}, the network {self.name} is for {self.instrument}"
            raise ValueError(msg)
        check_plate_scale(smap, self.plate_scale, self.plate_scale_tolerance)

    def to_json(self):
        """Return the card as a JSON string."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text):
        """Make a card from `to_json`'s string.

        Raises
        ------
        ValueError
            Where it is not JSON, of an unknown schema, or lacks a field without a default or has one too many.
        """
        try:
            fields = json.loads(text)
        except (TypeError, json.JSONDecodeError) as error:
            msg = "the model card is not JSON: the file is not a sunpy_enhance network"
            raise ValueError(msg) from error
        schema = fields.get("schema") if isinstance(fields, dict) else None
        if schema != SCHEMA:
            msg = f"the model card has schema {schema!r}, this version of sunpy_enhance reads {SCHEMA}"
            raise ValueError(msg)
        known = {field.name for field in dataclasses.fields(cls)}
        needed = {field.name for field in dataclasses.fields(cls) if field.default is dataclasses.MISSING}
        if not needed <= set(fields) <= known:
            msg = f"the model card lacks {sorted(needed - set(fields))} and has unknown {sorted(set(fields) - known)}"
            raise ValueError(msg)
        return cls(**fields)


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _positive(value):
    return _is_number(value) and value > 0


def _is_range(value):
    return isinstance(value, tuple) and len(value) == 2 and all(map(_is_number, value)) and value[0] < value[1]


def _is_limb(uncertainty):
    """Return whether the factors towards the limb can be interpolated, where there are some."""
    if "limb" not in uncertainty:
        return True
    try:
        mu, factors, knots = uncertainty["limb"]["mu"], uncertainty["limb"]["factors"], uncertainty["knots"]
        rising = all(low < high for some in (mu, knots) for low, high in itertools.pairwise(some))
        full = len(factors) == len(mu) > 0 and all(len(row) == len(knots) > 0 for row in factors)
        return rising and full and all(_positive(factor) for row in factors for factor in row)
    except (KeyError, TypeError):
        return False
