"""The benchmark, with methods that are known."""

import csv
import json
import sys

import numpy as np
import pytest
from conftest import granulation, smooth_noise, write_network

pytest.importorskip("skimage", reason="SSIM needs scikit-image")

from sunpy_enhance._network import apply_tiled, load_network
from sunpy_enhance.cli import main
from sunpy_enhance.optics import AiryPSF, DeltaPSF, WachterPSF, degrade, redegrade_image
from sunpy_enhance.training import dataset, sources
from sunpy_enhance.training.recipe import read_recipe
from sunpy_enhance.validation import _methods, benchmark, scenes, scores
from sunpy_enhance.validation.scores import Bicubic


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Small scenes, to save time."""

    def drawn(observable, kind, **options):
        return sources.synthetic_truth(observable, kind, **({"shape": (256, 256)} | options))

    monkeypatch.setattr(scenes, "synthetic_truth", drawn)


def double(image):
    return image.repeat(2, axis=0).repeat(2, axis=1)


def test_functions_and_networks_side_by_side():
    models = {"nearest": double, "sure": lambda image: (double(image), np.full(2 * np.array(image.shape), 1e6))}
    found = benchmark(models, observable="magnetogram", patches=3, other=False)
    methods = [row["method"] for row in found.rows if row["row"] == "synthetic spot"]
    assert methods == ["nearest", "sure", "magnetogram-linear", "bicubic"]
    by_method = {row["method"]: row for row in found.rows if row["row"] == "synthetic spot"}
    assert by_method["nearest"]["rms"] == by_method["sure"]["rms"]
    assert by_method["sure"]["coverage_1"] == 1
    assert by_method["magnetogram-linear"]["psnr"] > by_method["bicubic"]["psnr"] > by_method["nearest"]["psnr"]
    assert "within 1 sigma [%]" in found.table("magnetogram")[0]
    assert found.observables == ["magnetogram"]


def test_a_function_that_changes_its_input_changes_no_other_method():
    def spoiler(image):
        image *= 2
        return double(image)

    options = {"observable": "magnetogram", "patches": 1, "other": False}
    spoilt, expected = (benchmark({"mine": one}, **options) for one in (spoiler, double))
    others = [[row for row in found.rows if row["method"] != "mine"] for found in (spoilt, expected)]
    assert others[0] == others[1]


def test_the_same_seed_gives_the_same_table():
    one, same, other = (benchmark(["continuum-linear"], patches=2, other=False, seed=seed) for seed in (1, 1, 2))
    assert one.rows == same.rows
    assert one.rows != other.rows
    assert {row["truth"] for row in one.rows} == {"held out"}


def test_what_is_missing_is_told_before_anything_is_made(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    monkeypatch.setattr(scenes, "synthetic_truth", None)
    with pytest.raises(ImportError, match=r"pip install 'sunpy_enhance\[benchmark\]'"):
        benchmark(["continuum-linear"])


def test_noise_is_the_same_whatever_else_is_compared():
    def with_halo(halo):
        def restore(image):
            return double(image)

        restore.halo = halo
        return restore

    one, other = (
        benchmark({"nearest": with_halo(2), "more": with_halo(halo)}, observable="magnetogram", patches=2, other=False)
        for halo in (2, 35)
    )
    for method in ("nearest", "more", "magnetogram-linear", "bicubic"):
        (a, *_), (b, *_) = ([row for row in found.rows if row["method"] == method] for found in (one, other))
        figures = ("rms", "bias", "residual")
        assert [a[key] for key in figures] == pytest.approx([b[key] for key in figures], rel=1e-6)


def test_noise_beyond_the_frame_does_not_depend_on_the_halo():
    patches = [
        dataset.Patches(np.zeros((2, 16 + 2 * n, 16 + 2 * n)), np.zeros((2, 32, 32)), 2 * [""]) for n in (3, 5, 9)
    ]
    small, medium, large = (scores._noises(one, 10.0, 1, 4) for one in patches)
    np.testing.assert_array_equal(scores.crop(large, 4), medium)
    np.testing.assert_array_equal(scores.crop(medium, 2), small)
    assert large.std() == pytest.approx(10, rel=0.1)


def test_numbers_of_numpy_are_written_as_well(tmp_path):
    benchmark(["continuum-linear"], patches=np.int64(1), seed=np.int64(1), other=np.False_).write(tmp_path)
    settings = json.loads((tmp_path / "benchmark.json").read_text())["settings"]
    assert settings == {"patches": 1, "seed": 1, "data": False, "other": False}


def test_pairs_and_fields_in_other_units_are_truth_as_well(tmp_path):
    field = 1e-4 * 300 * smooth_noise((300, 300), 3)
    np.save(tmp_path / "field.npy", field)
    np.save(tmp_path / "intensity.npy", 1 + 0.1 * smooth_noise((300, 300), 3))
    text = 'plate_scale = 0.1\n[continuum]\nfile = "intensity.npy"\n[magnetogram]\nfile = "field.npy"\nunit = "T"\n'
    (tmp_path / "pair.toml").write_text(text)
    entry = {"held_out": 1.0, "scenes": 1, "patches": 1, "test_patches": 1}
    alone = entry | {"file": "field.npy", "unit": "T", "plate_scale": 0.1, "periodic": True}
    for files in (entry | {"file": "pair.toml"}, alone):
        recipe = read_recipe("magnetogram", changes={"files": [files], "synthetic": []})
        case = scenes.Scenes(recipe, tmp_path, number=2, halo=4, seed=1).held_out()
        assert 50 < case.patches.targets.std() < 300


def test_held_out_scenes_have_seeds_that_no_training_takes(monkeypatch):
    seeds = []
    original = scenes.synthetic_truth
    monkeypatch.setattr(
        scenes, "synthetic_truth", lambda *a, seed, **k: seeds.append(seed) or original(*a, seed=seed, **k)
    )
    benchmark(["continuum-linear"], patches=1)
    assert min(seeds) >= dataset.HELD_OUT_SEEDS


@pytest.mark.parametrize("name", ["continuum", "own"])
def test_networks_give_what_users_get(networks, name):
    image = granulation((40, 36)).astype(np.float32)
    network = load_network(networks[name], "cpu")
    method = _methods.Trained(network)
    inner = image[8 : 32 + 4, 6 : 28 + 2]
    restored = method(np.stack([inner, inner]))
    assert restored.shape == (2, 48, 40)
    np.testing.assert_allclose(restored[1], apply_tiled(network, image)[20:68, 16:56], atol=1e-6)


def test_sigma_is_that_of_the_mu_at_which_the_sun_is_seen(tmp_path):
    limb = {"mu": [0.5, 1.0], "factors": [[0.5, 0.5], [1.0, 1.0]]}
    uncertainty = {"coverage": {}, "knots": [0.0, 2.0], "limb": limb}
    path = write_network(tmp_path / "limb.onnx", sigma=True, uncertainty=uncertainty)
    method = _methods.Trained(load_network(path, "cpu"))
    images = granulation((24, 28))[None].astype(np.float32)
    (enhanced, sigma), (same, smaller) = method(images), method.at(0.7)(images)
    np.testing.assert_array_equal(enhanced, same)
    np.testing.assert_allclose(smaller, 0.7 * sigma, rtol=1e-5)
    cases = scenes.Scenes(read_recipe("continuum"), None, number=1, halo=4, seed=1).other()
    assert [case.mu for case in cases] == [0.7, *[1.0] * 5]


def test_a_function_with_a_halo_sees_no_more():
    images = np.stack([granulation((24, 28), seed) for seed in range(2)]).astype(np.float32)

    def restore(image):
        assert image.shape == (24, 28)
        return double(image)

    restore.halo = 4
    assert _methods.Function(restore)(images).shape == (2, 32, 40)
    with pytest.raises(ValueError, match=r"shape \(24, 28\), expected \(48, 56\)"):
        _methods.Function(lambda image: image)(images)
    for sigma, shape in ((lambda image: image, r"\(24, 28\)"), (lambda image: 0.1, r"\(\)")):
        method = _methods.Function(lambda image, sigma=sigma: (double(image), sigma(image)))
        with pytest.raises(ValueError, match=rf"a standard deviation of shape {shape}, expected \(48, 56\)"):
            method(images)


def test_bicubic_keeps_a_parabola():
    x = np.arange(20.0)
    image = (x[:, None] ** 2 + x).astype(np.float32)
    fine = (np.arange(4, 36) - 0.5) / 2
    np.testing.assert_allclose(Bicubic()(image[None])[0], fine[:, None] ** 2 + fine, rtol=1e-5)


def test_what_is_unknown_is_refused():
    with pytest.raises(ValueError, match="the method mine is a function: say what it restores"):
        benchmark({"mine": double})
    with pytest.raises(ValueError, match="observable is 'doppler'"):
        benchmark(observable="doppler")
    with pytest.raises(ValueError, match="there is no model 'sharp'"):
        benchmark(["sharp"])
    with pytest.raises(FileNotFoundError, match="does not exist"):
        benchmark(["continuum-linear"], data="nowhere", patches=1)


@pytest.mark.parametrize(
    "options",
    [{"patches": 0}, {"patches": -2}, {"patches": 1.5}, {"patches": True}, {"seed": -1}, {"seed": "a"}],
)
def test_numbers_that_make_no_table_are_refused(options):
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=f"{name} is {value!r}, expected an integer of at least"):
        benchmark(["continuum-linear"], other=False, **options)


def test_a_network_for_another_observable_is_refused():
    with pytest.raises(ValueError, match="continuum-fast is for continuum, and observable is 'magnetogram'"):
        benchmark(["continuum-fast"], observable="magnetogram")
    # Only of those that nobody named the others are left out.
    found = _methods.methods_of(None, "magnetogram", "cpu")
    assert list(found) == ["magnetogram"]
    assert all(name.startswith("magnetogram") for name in found["magnetogram"])


def test_richardson_lucy_is_judged_by_what_is_left_in_it():
    """It removes the telescope and leaves none: where it gives the truth of no telescope, no residual is left."""
    truth = 1 + 0.1 * smooth_noise((200, 200), 2)
    seen, target = redegrade_image(truth, 0.252, WachterPSF(), DeltaPSF()), degrade(truth, AiryPSF(), 0.252)
    patches = dataset.Patches(seen[None].astype(np.float32), target[None, 4:-4, 4:-4].astype(np.float32), ["Sun"])

    def residual(target):
        method = _methods.Function(lambda image: truth[4:-4, 4:-4], target)
        method.halo = 0
        return scores.evaluate({"exact": method}, patches, 0.0)["Sun"]["exact"]["residual"]

    assert residual(DeltaPSF()) < 0.1 * residual(None)
    assert (
        _methods.methods_of("richardson-lucy", "continuum", "cpu")["continuum"]["richardson-lucy"].target == DeltaPSF()
    )


@pytest.mark.parametrize("name", ["bicubic", "continuum-linear"])
def test_a_method_cannot_have_the_name_of_one_that_is_added(name, networks):
    for model in (double, networks["continuum"], "richardson-lucy"):
        with pytest.raises(ValueError, match=f"a method called '{name}' is always added: give yours another name"):
            benchmark({name: model}, observable="continuum")


def test_files_of_one_name_do_not_become_one(networks, tmp_path):
    copy = tmp_path / networks["continuum"].name
    copy.write_bytes(networks["continuum"].read_bytes())
    with pytest.raises(ValueError, match="two models are called 'continuum': give models as a dict"):
        benchmark([networks["continuum"], copy])
    found = _methods.methods_of({"one": networks["continuum"], "other": copy}, None, "cpu")
    assert list(found["continuum"]) == ["one", "other", "continuum-linear"]


def test_command(tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["benchmark", "continuum-fast", "--patches", "2", "--held-out-only", "--outdir", str(out)]
    assert main([*arguments, "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert "| held out | synthetic quiet | continuum-fast |" in printed
    assert {path.name for path in out.iterdir()} == {"continuum.csv", "continuum.png", "benchmark.md", "benchmark.json"}
    rows = json.loads((out / "benchmark.json").read_text())["rows"]
    with (out / "continuum.csv").open(newline="") as stream:
        told = list(csv.DictReader(stream))
    assert len(told) == len(rows)
    assert told[0]["RMS [%]"] == f"{100 * rows[0]['rms']:.3f}"


@pytest.mark.parametrize("models", [3, np.negative])
def test_what_are_no_models_is_told(models):
    with pytest.raises(TypeError, match="expected names or paths of networks, or a dict of names to them"):
        benchmark(models, observable="continuum")
