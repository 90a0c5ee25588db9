"""The parts of the benchmark of accuracy, on figures and networks that are known."""

import csv
import dataclasses
import importlib
import json
import pathlib

import numpy as np
import pytest
from conftest import CARD, make_map, smooth_noise, write_network

pytest.importorskip("torch", reason="the benchmark needs PyTorch")
pytest.importorskip("skimage", reason="the benchmark needs scikit-image")

CARD_OF_HMI = dataclasses.replace(CARD, psf={"kind": "wachter"}, target={"kind": "airy"})
BENCHMARKS = pathlib.Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """The modules of the benchmark, as the script sees them."""
    monkeypatch.syspath_prepend(BENCHMARKS)


@pytest.mark.parametrize("name", sorted(path.stem for path in BENCHMARKS.glob("*.py")))
def test_every_script_finds_what_it_imports(name):
    if name == "speed_keras":
        pytest.importorskip("tensorflow", reason="Keras runs in an environment of its own")
    importlib.import_module(name)


def patch_rows(observable, **rms):
    """Rows of one truth; PSNR as if its range were 1 in units of the quiet Sun, or 1000 G."""
    peak = 1000 if observable == "magnetogram" else 1
    costs = {observable: 4e4, f"{observable}-paper": 5e5}
    return [
        {
            "observable": observable,
            "row": "a quiet Sun",
            "truth": "held out",
            "method": method,
            "rms": value,
            "psnr": float(20 * np.log10(peak / value)),
            "multiply_adds": costs.get(method, 1000),
        }
        for method, value in rms.items()
    ]


def met(told):
    return {f"{one['target']}, {one['row']}": one["met"] for one in told}


def test_targets_of_a_field_are_parts_of_the_better_linear_filter():
    from targets import check_targets

    def check(ours):
        rms = {"magnetogram": ours, "magnetogram-linear": 50, "15x15 linear": 40, "bicubic": 39}
        return met(check_targets(patch_rows("magnetogram", **rms), [], []))

    linear, bicubic = (f"magnetogram against {name}, a quiet Sun" for name in ("15x15 linear", "bicubic"))
    assert check(34 - 1e-6) == {linear: True, bicubic: True}
    assert check(34.1) == {linear: False, bicubic: True}
    assert check(39.5) == {linear: False, bicubic: False}


@pytest.mark.parametrize(("row", "least"), [("a quiet Sun", 0.3), ("a sunspot", 1.0), ("pores", 0.0)])
def test_targets_of_the_continuum_are_in_decibel(row, least):
    from targets import check_targets

    for gain, expected in ((least + 0.01, True), (least - 0.01, False)):
        rms = {"continuum": 0.02, "continuum-linear": 0.02 * 10 ** (gain / 20)}
        rows = [one | {"row": row} for one in patch_rows("continuum", **rms)]
        assert list(met(check_targets(rows, [], [])).values()) == [expected]


def test_the_default_is_held_against_the_paper_at_a_tenth_of_its_cost():
    from targets import check_targets

    rows = patch_rows("continuum", **{"continuum": 0.02, "continuum-paper": 0.019})
    assert list(met(check_targets(rows, [], [])).values()) == [False, True]
    rows[0] |= {"rms": 0.018, "psnr": 40, "multiply_adds": 1e5}
    assert list(met(check_targets(rows, [], [])).values()) == [True, False]


def test_targets_of_what_is_covered_hold_for_one_and_two_sigma():
    from targets import check_coverage

    def card(first, second):
        return {"tiny": {"all": {"all": {"pixels": 9, "within_1": first, "within_2": second}}, "a spot": {}}}

    for parts, expected in (((0.7099, 0.9201), True), ((0.7101, 0.95), False), ((0.68, 0.9199), False)):
        assert list(met(check_coverage(card(*parts))).values()) == [expected]
    row = {"network": "tiny", "truth": "a spot"}
    row |= {f"within {k} sigma, not trained on it [%]": value for k, value in ((1, "72.9"), (2, "90.1"))}
    (told,) = check_coverage({}, [row])
    assert (told["truth"], told["found"], told["met"]) == ("not trained on", "72.9 / 90.1", True)
    assert not check_coverage({}, [row | {"within 1 sigma, not trained on it [%]": "73.1"}])[0]["met"]


def test_targets_of_frames_and_of_flat_images():
    from targets import check_targets

    good = {
        "continuum": {"residual": 0.0019, "bias": -0.0004, "quiet": 0.07},
        "magnetogram": {"residual": 7.9, "bias": -0.2, "quiet": 11.9},
    }
    for observable, figures in good.items():
        frame = {"observable": observable, "row": "AR", "method": observable}
        assert set(met(check_targets([], [frame | figures], [])).values()) == {True}
        for key in ("residual", "bias"):
            told = met(check_targets([], [frame | figures | {key: 2 * figures[key]}], []))
            assert list(told.values()).count(False) == 1
    flat = {"observable": "magnetogram", "method": "magnetogram", "noise_in": 10.0}
    for out, expected in ((12.9, True), (13.1, False)):
        assert list(met(check_targets([], [], [flat | {"noise_out": out}])).values()) == [expected]
    flats = [{"observable": "continuum", "noise_in": 1e-3, "method": m} for m in ("continuum", "continuum-linear")]
    for out, expected in ((0.008, True), (0.010, False)):
        flats[0]["noise_out"], flats[1]["noise_out"] = out, 0.009
        assert list(met(check_targets([], [], flats)).values()) == [expected]


def test_figures_of_a_frame_are_those_of_what_hmi_would_see():
    from frames import PLATE_SCALE, frame_figures

    from sunpy_enhance.optics import redegrade_image

    fine = (100 * smooth_noise((400, 400), 8)).astype(np.float32)
    seen = redegrade_image(fine, PLATE_SCALE / 2)
    smap = make_map("magnetogram", data=(seen + 3).astype(np.float32))
    figures = frame_figures(fine, smap, CARD_OF_HMI)
    assert figures["residual"] == pytest.approx(3, rel=1e-4)
    assert figures["bias"] == pytest.approx(-3, rel=1e-4)
    assert figures["contrast"] == pytest.approx(1, rel=1e-4)
    assert figures["strongest"] == np.abs(fine).max()
    assert figures["quiet_in"] < 20 < figures["unsigned_in"]
    halved = frame_figures(fine, smap, CARD_OF_HMI, level=2)
    assert halved["residual"] == pytest.approx(1.5, rel=1e-4)
    assert halved["psnr"] == pytest.approx(figures["psnr"])


def test_noise_of_a_flat_frame_is_what_the_method_makes_of_it(networks):
    from frames import flat_frame, noise_out

    image = flat_frame("magnetogram", 10.0)
    assert image.std() == pytest.approx(10, rel=0.01)
    bicubic, network = (noise_out(image, model)[0] for model in (None, networks["magnetogram"]))
    assert 7 < bicubic < 9
    assert network > 1.3 * bicubic  # the tiny network sharpens
    assert abs(noise_out(image + 7, None)[1]) < 0.05


def test_tables_hold_every_row_and_figure(tmp_path, capsys):
    from tables import print_markdown, write_files

    from sunpy_enhance.validation.scores import score

    images = np.stack([1 + 0.1 * smooth_noise((32, 32), 2, seed) for seed in range(2)])
    figures = score(images[::-1], images, 0.252) | {"residual": 0.0012345}
    row = {"observable": "continuum", "row": "R", "truth": "held out", "method": "continuum", "multiply_adds": 40490.1}
    frame = {"observable": "continuum", "row": "AR", "method": "continuum", "residual": 0.001, "darkest_in": 0.25}
    tables = {"patches": [row | figures], "frames": [frame], "noise": [], "targets": []}
    write_files(tables, tmp_path)
    print_markdown(tables)
    with (tmp_path / "continuum-patches.csv").open(newline="") as stream:
        (told,) = csv.DictReader(stream)
    assert told["RMS [%]"] == f"{100 * figures['rms']:.3f}"
    assert told["residual [%]"] == "0.123"
    assert told["multiply-adds per pixel"] == "40,490"
    assert "| AR | HMI itself | " in capsys.readouterr().out
    assert json.loads((tmp_path / "accuracy.json").read_text()) == tables


def test_flicker_is_what_a_linear_method_does_to_noise():
    from flicker import film, flicker_of
    from frames import _cubic

    scene = 1 + 0.1 * smooth_noise((64, 64))
    left = np.arange(128) < 64
    where = {"left": np.broadcast_to(left, (128, 128)), "right": np.broadcast_to(~left, (128, 128))}

    def flicker(restore, noise=1e-3):
        return flicker_of(restore, film(scene, noise, 6, 3), where)

    def doubled(frame):
        return frame.repeat(2, axis=0).repeat(2, axis=1) * np.where(left, 1, 3)

    found = flicker(doubled)
    assert found["left"] == pytest.approx(1, rel=0.05)
    assert found["right"] == pytest.approx(3, rel=0.05)
    # Whatever is static does not count, and a linear method has the same flicker at any noise.
    assert flicker(_cubic, 1e-2)["left"] == pytest.approx(flicker(_cubic)["left"], rel=1e-3)
    assert 0.7 < flicker(_cubic)["left"] < 0.9


def test_flicker_has_a_row_for_each_method_and_regime(networks, monkeypatch):
    import flicker
    from flicker import flicker_rows

    scene = (400 * smooth_noise((96, 96))).astype(np.float32)
    monkeypatch.setattr(flicker, "demo_truth", lambda: {"magnetogram": (None, scene)})
    rows = flicker_rows("magnetogram", {"tiny": networks["magnetogram"], "bicubic": None}, frames=2)
    assert len(rows) == 2 * 3
    assert all(np.isfinite(row["flicker"]) for row in rows)
    by_method = {name: [row["flicker"] for row in rows if row["method"] == name] for name in ("tiny", "bicubic")}
    assert min(by_method["tiny"]) > max(by_method["bicubic"])  # the tiny network sharpens


def test_a_file_that_was_made_anew_is_held_against_the_shipped_one():
    from rebuild import row

    def card(rms, within=0.68, **changes):
        scores = {"spot": {"tiny": {"rms": rms}}, "quiet": {"tiny": {"rms": 0.01}}}
        parts = {"all": {"all": {"pixels": 9, "within_1": within, "within_2": 0.95}}}
        uncertainty = {"coverage": parts, "knots": [0, 1], "factors": [1, 1]}
        return dataclasses.replace(CARD, metrics=scores, uncertainty=uncertainty, **changes)

    shipped = card(0.02)
    same, less = ["tiny", "the same", "the same", "2", "+0.000", "+0.000", "+0.00"], card(0.01, within=0.66)
    assert row(shipped, card(0.02, commit="another"), same=True) == same
    assert row(shipped, less, same=False) == ["tiny", "another", "the same", "2", "-6.021", "+0.000", "-2.00"]
    assert row(shipped, card(0.02, seed=1, halo=4), same=True)[2] == "halo, seed"
    without = dataclasses.replace(shipped, uncertainty=None)
    assert row(without, without, same=True)[-1] == ""


def test_graphs_are_compared_without_their_cards(tmp_path):
    from rebuild import same_graph

    def file(name, **changes):
        write_network(tmp_path / name, **changes)
        return tmp_path / name

    first = file("first.onnx")
    assert same_graph(first, file("second.onnx", commit="another"))
    assert not same_graph(first, file("third.onnx", sigma=True))


def test_the_border_of_a_frame_is_counted_ring_by_ring():
    import border

    card = dataclasses.replace(CARD, uncertainty={"coverage": {}, "border": [2.0]})
    errors = np.ones((3, 80, 80))
    errors[:, 2:-2, 2:-2] = 0.5  # the outermost input pixel has twice the error
    rows = border.rows_of("tiny", card, errors, 1.5 * errors)
    assert [row[1] for row in rows] == ["0", "1", "2", "3", "12 and more"]
    assert rows[0][2:] == ["2.00", "2.00", "0.0", "100.0", "100.0", "100.0"]
    for row in rows[1:]:
        assert row[2:] == ["1.00", "1.00", "100.0", "100.0", "100.0", "100.0"]


def test_a_training_without_a_group_has_nothing_of_it():
    import untrained

    from sunpy_enhance.training.recipe import read_recipe

    recipe = read_recipe("magnetogram-fast")
    for group in untrained.GROUPS["magnetogram"]:
        lacking = untrained.without(recipe, group)
        left = {f"synthetic {entry['kind']}" for entry in lacking.table["synthetic"]}
        assert left == {f"synthetic {entry['kind']}" for entry in recipe.table["synthetic"]} - set(group)
    assert len(recipe.table["synthetic"]) == 8  # the recipe itself is as it was


def test_what_blur_brings_is_in_decibels_against_the_linear_filter():
    import blur

    columns = [blur.gains({"a": rms, "b": 4.0}, {"a": 10.0, "b": 4.0}) for rms in (1.0, 10.0, 100.0)]
    found = {str(those): column for those, column in zip(blur.RANGES, columns, strict=True)}
    rows = blur.rows_of("tiny", dict(reversed(found.items())))
    assert rows == [["tiny", "a", "+20.00", "+0.00", "-20.00"], ["tiny", "b", "+0.00", "+0.00", "+0.00"]]
