import dataclasses
import json

import pytest
from conftest import CARD, make_map

from sunpy_enhance import ModelCard


def test_round_trip():
    assert ModelCard.from_json(CARD.to_json()) == CARD
    covered = {"coverage": {"all": {"all": {"pixels": 9, "within_1": 0.7, "within_2": 0.9}}}}
    trusted = dataclasses.replace(CARD, uncertainty=covered, input_range=(0.1, 1.4))
    assert ModelCard.from_json(trusted.to_json()) == trusted


def test_files_of_before_the_last_fields_stay_readable():
    fields = dataclasses.asdict(CARD)
    del fields["uncertainty"], fields["input_range"]
    assert ModelCard.from_json(json.dumps(fields)) == CARD


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "not JSON"),
        (None, "not JSON"),
        ("[]", "schema None"),
        (json.dumps({**dataclasses.asdict(CARD), "schema": 99}), "schema 99"),
        (json.dumps({k: v for k, v in dataclasses.asdict(CARD).items() if k != "halo"}), "lacks \\['halo'\\]"),
        (json.dumps({**dataclasses.asdict(CARD), "colour": 1}), "unknown \\['colour'\\]"),
    ],
)
def test_unreadable(text, message):
    with pytest.raises(ValueError, match=message):
        ModelCard.from_json(text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("observable", "dopplergram"),
        ("normalisation", "maximum"),
        ("normalisation", True),
        ("normalisation", -1.0),
        ("normalisation", 1.0),  # of continuum
        ("unit", "DN / s"),
        ("plate_scale", 0),
        ("plate_scale_tolerance", 1.0),
        ("mu_validated", 1.1),
        ("scale", 3),
        ("halo", -1),
        ("halo", 2.0),
        ("multiple_of", 0),
        ("border", "zeros"),
        ("uncertainty", {"sources": {}}),
        ("uncertainty", "small"),
        ("uncertainty", {"coverage": {}, "border": [1.5, 0.0]}),
        ("uncertainty", {"coverage": {}, "border": [1.5] * 17}),
        *(
            ("uncertainty", {"coverage": {}, "knots": [0.0, 1.0], "limb": limb})
            for limb in (
                [1.0],
                {"mu": [0.5, 1.0]},
                {"mu": [], "factors": []},
                {"mu": [1.0, 0.5], "factors": [[1.0, 1.0]] * 2},
                {"mu": [0.5, 1.0], "factors": [[1.0, 1.0]]},
                {"mu": [0.5, 1.0], "factors": [[1.0], [1.0, 1.0]]},
                {"mu": [0.5, 1.0], "factors": [[1.0, 0.0], [1.0, 1.0]]},
                {"mu": [0.5, "disk centre"], "factors": [[1.0, 1.0]] * 2},
            )
        ),
        ("uncertainty", {"coverage": {}, "limb": {"mu": [1.0], "factors": [[1.0]]}}),
        ("mu_validated", None),
        ("mu_validated", "x"),
        ("plate_scale_tolerance", "x"),
        ("noise", "x"),
        ("citation", None),
        ("instrument", None),
        ("psf", "x"),
        ("metrics", "x"),
        ("input_range", 5),
        ("input_range", ("a", "b")),
        ("input_range", (1.0,)),
        ("input_range", (1.0, 0.5)),
    ],
)
def test_invariants(field, value):
    with pytest.raises(ValueError, match=field):
        dataclasses.replace(CARD, **{field: value})


@pytest.mark.parametrize("changes", [{"unit": "kG", "normalisation": 1.0}, {"unit": "G"}])
def test_fields_are_in_gauss_divided_by_a_constant(changes):
    with pytest.raises(ValueError, match="unit is 'kG'|normalisation is 'quiet_sun'"):
        dataclasses.replace(CARD, observable="magnetogram", **changes)
    dataclasses.replace(CARD, observable="magnetogram", unit="G", normalisation=1000.0)


def test_check_accepts_and_refuses():
    CARD.check(make_map("continuum"))
    with pytest.raises(ValueError, match="is a magnetogram and the network tiny enhances a continuum"):
        CARD.check(make_map("magnetogram"))
    with pytest.raises(ValueError, match="the network tiny is for HMX"):
        dataclasses.replace(CARD, instrument="HMX").check(make_map("continuum"))
    with pytest.raises(ValueError, match="0.504"):
        dataclasses.replace(CARD, plate_scale=0.6).check(make_map("continuum"))
