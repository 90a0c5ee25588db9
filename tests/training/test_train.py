"""From a recipe to an ONNX file."""

import contextlib
import csv
import dataclasses
import hashlib
import importlib.resources
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import smooth_noise

from astropy.io import fits

torch = pytest.importorskip("torch", reason="training needs PyTorch")

import onnx  # noqa: E402

import sunpy_enhance  # noqa: E402
from sunpy_enhance import available_models  # noqa: E402
from sunpy_enhance._network import load_network  # noqa: E402
from sunpy_enhance.cli import main  # noqa: E402
from sunpy_enhance.training import loop, train  # noqa: E402
from sunpy_enhance.training import metrics as metrics_module  # noqa: E402
from sunpy_enhance.training import recipe as recipe_module  # noqa: E402
from sunpy_enhance.training import uncertainty as uncertainty_module  # noqa: E402
from sunpy_enhance.training.metrics import evaluate  # noqa: E402
from sunpy_enhance.training.patches import Patches  # noqa: E402

ROOT = Path(sunpy_enhance.__file__).parents[1]
RECIPES = importlib.resources.files("sunpy_enhance.training") / "recipes"

# So small that it trains in seconds, on a truth that the fixture writes.
RECIPE = """
name = "tiny"
version = "0.1"
observable = "{observable}"
seed = 3
noise = {noise}
plate_scale = 0.504
[psf]
kind = "wachter"
[target]
kind = "airy"
diameter = 0.28
[network]
channels = 8
layers = 2
narrow = 7
wide = 3
dilation = 2
[patches]
size = 12
[training]
steps = 8
batch = 4
learning_rate = 1e-4
linear_rate = 0.01
average = 0.5
consistency = 2.0
floor = 2.0
local = 0.1
local_floor = 1.0
fit_patches = 24
bfloat16 = false
float32 = 0.1
checkpoint = 4
[[files]]
file = "truth.fits"
sha256 = "{sha256}"
source = "noise"
plate_scale = 0.1
prepare = "as_is"
axis = 0
held_out = 0.4
scenes = 2
patches = 12
test_patches = 6
zoom = [0.9, 1.1]
gain = [0.9, 1.1]
"""


@pytest.fixture(params=["continuum", "magnetogram"])
def recipe_file(request, tmp_path):
    """The path of a recipe; its truth is in the same folder."""
    magnetic = request.param == "magnetogram"
    image = 300 * smooth_noise((300, 200)) if magnetic else 1 + 0.1 * smooth_noise((300, 200))
    fits.writeto(tmp_path / "truth.fits", image.astype(np.float32))
    sha256 = hashlib.sha256((tmp_path / "truth.fits").read_bytes()).hexdigest()
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE.format(observable=request.param, noise=10.0 if magnetic else 1e-3, sha256=sha256))
    return path


@pytest.fixture
def limb_in_short(monkeypatch):
    """Two angles are enough for a test."""
    monkeypatch.setattr(metrics_module, "_MU", (1.0, 0.6))
    monkeypatch.setattr(metrics_module, "_LIMB_KINDS", {"continuum": ("quiet",), "magnetogram": ("plage",)})


@pytest.fixture
def no_limb(monkeypatch):
    """For tests of what comes before."""
    monkeypatch.setattr(train, "validate_towards_limb", lambda *_: (1.0, {}, {}))


def weights(network):
    return {key: value.numpy() for key, value in network.state_dict().items()}


def test_train_beats_bicubic_and_starts_from_the_linear_filter(recipe_file):
    recipe = recipe_module.read_recipe(recipe_file)
    network, linear, metrics = train.train(recipe, recipe_file.parent, progress=False)
    (results,) = metrics.values()
    assert set(results) == {"tiny", "linear", "bicubic"}
    assert results["tiny"]["rms"] < 0.8 * results["bicubic"]["rms"]
    assert results["tiny"]["rms"] < 1.1 * results["linear"]["rms"]
    assert not linear.channels
    assert not network.bfloat16
    assert not network.training


def test_a_network_is_trained_on(recipe_file):
    recipe = recipe_module.read_recipe(recipe_file, changes={"training.learning_rate": 1e-9})
    patches = recipe_module.make_patches(recipe, recipe_file.parent, progress=False)
    with torch.random.fork_rng():
        torch.manual_seed(recipe["seed"] + 1)
        given = recipe.network()
    before = {key: value.copy() for key, value in weights(given).items()}
    network, linear, _ = train.train(recipe, None, network=given, patches=patches, progress=False)
    for key, value in weights(network).items():
        np.testing.assert_allclose(value, before[key], rtol=0, atol=1e-6)
    assert not np.allclose(before["linear.dense"], weights(linear)["linear.dense"], rtol=0, atol=1e-3)


def onnx_weights(path):
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}


def csv_rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("recipe_file", ["continuum"], indirect=True)
def test_a_killed_run_goes_on_to_the_same_weights(recipe_file, no_limb):
    """SIGKILL in the middle of ``sunpy-enhance train``; then the same command again, and one that is not disturbed."""
    folder = recipe_file.parent
    changes = ["--set", "training.steps=200", "--set", "training.checkpoint=5"]
    command = ["train", str(recipe_file), "--data", str(folder), *changes, "--device", "cpu", "--out"]
    killed, whole = folder / "killed.onnx", folder / "whole.onnx"
    checkpoint = folder / "killed.onnx.checkpoint"
    environment = os.environ | {
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    code = "import sys; from sunpy_enhance.cli import main; sys.exit(main())"
    run = subprocess.Popen([sys.executable, "-c", code, *command, str(killed)], env=environment, stderr=subprocess.PIPE)
    with run:
        while not checkpoint.exists() and run.poll() is None:
            time.sleep(0.002)
        run.send_signal(signal.SIGKILL)
    assert run.returncode == -signal.SIGKILL
    done = torch.load(checkpoint, weights_only=True)["step"]
    assert 5 <= done < 200
    assert not killed.exists()
    # What the killed run wrote after its checkpoint, the last line torn.
    with killed.with_suffix(".loss.csv").open("a") as stream:
        stream.write(f"{done + 5},1.0,0.5,,0.1,9.0\n{done + 10},1")

    assert main([*command, str(killed)]) == 0
    assert main([*command, str(whole)]) == 0
    one, two = onnx_weights(killed), onnx_weights(whole)
    assert one.keys() == two.keys()
    for name, value in two.items():
        np.testing.assert_array_equal(one[name], value)
    assert not checkpoint.exists()
    curves = [csv_rows(path.with_suffix(".loss.csv")) for path in (killed, whole)]
    assert [int(row["step"]) for row in curves[1]] == list(range(5, 201, 5))
    for one, two in zip(*curves, strict=True):
        assert {key: one[key] for key in one if key != "seconds"} == {key: two[key] for key in two if key != "seconds"}
    assert killed.with_suffix(".loss.png").read_bytes()[:4] == b"\x89PNG"


def interrupt(monkeypatch, call, module=loop):
    """Let the training stop at the given batch, as Ctrl-C would; return how to undo it."""
    original, calls = module.draw_batch, []

    def stopped(*arguments, **keywords):
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        return original(*arguments, **keywords)

    monkeypatch.setattr(module, "draw_batch", stopped)
    return lambda: monkeypatch.setattr(module, "draw_batch", original)


class Normalised(torch.nn.Module):
    """As the paper's network in what matters here: it pads by itself and has batch normalisation."""

    halo, channels, bfloat16 = 0, 4, False

    def __init__(self, constant):
        super().__init__()
        self.constant = constant
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3, padding=1, padding_mode="reflect"),
            torch.nn.BatchNorm2d(4),
            torch.nn.LeakyReLU(),
            torch.nn.Upsample(scale_factor=2),
            torch.nn.Conv2d(4, 1, 1),
        )

    def forward(self, images):
        return self.body(images / self.constant) * self.constant


@pytest.fixture
def normalised(monkeypatch):
    def network(recipe, **changes):
        return Normalised(1000.0 if recipe["observable"] == "magnetogram" else 1.0)

    monkeypatch.setattr(recipe_module.Recipe, "network", network)


PAPER = {"training.epochs": 3, "training.schedule": "constant", "training.loss": "mse", "training.l2": 1e-5}


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_batch_normalisation_goes_on_where_it_was(recipe_file, normalised, monkeypatch, average):
    magnetic = "magnetogram" in recipe_file.read_text()
    changes = PAPER | {"training.average": average, "training.polarity": magnetic}
    recipe = recipe_module.read_recipe(recipe_file, changes=changes)
    patches = recipe_module.make_patches(recipe, recipe_file.parent, progress=False)
    whole, linear, metrics = train.train(recipe, None, patches=patches, progress=False)
    assert metrics["noise"].keys() == {"tiny", "linear", "bicubic"}
    assert linear.halo == patches[0].halo > whole.halo
    checkpoint = recipe_file.with_suffix(".checkpoint")
    undo = interrupt(monkeypatch, 8)  # one for the held-out patches, then after the checkpoint of step 4
    with pytest.raises(KeyboardInterrupt):
        train.train(recipe, None, patches=patches, checkpoint=checkpoint, progress=False)
    undo()
    resumed, _, _ = train.train(recipe, None, patches=patches, checkpoint=checkpoint, progress=False)
    for key, value in weights(whole).items():
        np.testing.assert_array_equal(weights(resumed)[key], value)
    assert weights(whole)["body.1.running_mean"].any()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 and no more"])
def test_a_damaged_checkpoint_is_named(recipe_file, content):
    checkpoint = recipe_file.with_suffix(".checkpoint")
    checkpoint.write_bytes(content)
    recipe = recipe_module.read_recipe(recipe_file)
    with pytest.raises(ValueError, match=r"tiny\.checkpoint is damaged or none: delete it to start anew"):
        train.train(recipe, recipe_file.parent, checkpoint=checkpoint, progress=False)


def test_a_checkpoint_of_another_recipe_is_refused(recipe_file):
    recipe = recipe_module.read_recipe(recipe_file)
    patches = recipe_module.make_patches(recipe, recipe_file.parent, progress=False)
    checkpoint = recipe_file.with_suffix(".checkpoint")
    train.train(recipe, None, patches=patches, checkpoint=checkpoint, progress=False)
    other = recipe_module.read_recipe(recipe_file, changes={"training.batch": 5})
    with pytest.raises(ValueError, match="checkpoint .* is of another recipe or other patches: go on with"):
        train.train(other, None, patches=patches, checkpoint=checkpoint, progress=False)


def test_a_checkpoint_of_other_truth_is_refused(recipe_file, monkeypatch):
    recipe = recipe_module.read_recipe(recipe_file)
    patches = recipe_module.make_patches(recipe, recipe_file.parent, progress=False)
    checkpoint = recipe_file.with_suffix(".checkpoint")
    undo = interrupt(monkeypatch, 8)
    with pytest.raises(KeyboardInterrupt):
        train.train(recipe, None, patches=patches, checkpoint=checkpoint, progress=False)
    undo()
    # As another processor would round it, and as another truth.
    for factor in (1 + 3e-7, 1.01):
        other = [dataclasses.replace(part, targets=part.targets * np.float32(factor)) for part in patches]
        refused = pytest.raises(ValueError, match="is of another recipe or other patches")
        with refused if factor == 1.01 else contextlib.nullcontext():
            train.train(recipe, None, patches=other, checkpoint=checkpoint, progress=False)
    saved = torch.load(checkpoint, weights_only=True)
    del saved["content"]  # as an earlier version wrote it
    torch.save(saved, checkpoint)
    with pytest.raises(ValueError, match="is of another recipe or other patches"):
        train.train(recipe, None, patches=patches, checkpoint=checkpoint, progress=False)


@pytest.mark.parametrize("recipe_file", ["continuum"], indirect=True)
def test_a_dataset_of_files_that_have_changed_is_refused(recipe_file, no_limb):
    folder = recipe_file.parent
    recipe_file.write_text("\n".join(row for row in recipe_file.read_text().splitlines() if "sha256" not in row))
    out, dataset = folder / "set.onnx", folder / "set.hdf5"
    train.train_and_export(recipe_file, folder, out, dataset=dataset, progress=False)
    data = load_network(out, "cpu").card.data
    fits.writeto(folder / "truth.fits", fits.getdata(folder / "truth.fits") + 0.01, overwrite=True)
    with pytest.raises(ValueError, match=r"made from other files than those in .*: \['truth.fits'\]; make it again"):
        train.train_and_export(recipe_file, folder, out, dataset=dataset, progress=False)
    # Without the folder there is nothing to compare with: the card tells what it was made from.
    train.train_and_export(recipe_file, None, out, dataset=dataset, progress=False)
    assert load_network(out, "cpu").card.data == data


@pytest.mark.parametrize("steps", [1, 2, 10, 19, 20, 21, 200])
@pytest.mark.parametrize("share", [0.05, 0.1])
def test_the_learning_rate_rises_and_falls_in_any_number_of_steps(steps, share):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule, rates = loop.one_cycle(optimizer, 2.0, steps, share), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step() if len(rates) < steps else None
    assert np.isfinite(rates).all()
    assert max(rates) <= 2.0
    if steps == 200:
        assert np.argmax(rates) == share * steps - 1
        assert rates[-1] < 1e-4


def test_batches_are_drawn_ahead_in_their_order():
    drawn = []

    def batches(number):
        for step in range(number):
            drawn.append(step)
            yield step
        raise ValueError("no more")

    ahead = loop._ahead(batches(9), 4)
    assert next(ahead) == 0
    deadline = time.monotonic() + 20
    while len(drawn) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert drawn == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="no more"):
        assert list(ahead) == "never"
    assert drawn == list(range(9))
    assert list(loop._ahead(iter(range(9)), 4)) == list(range(9))
    assert list(loop._ahead(iter(()), 4)) == []


@pytest.mark.parametrize("recipe_file", ["continuum"], indirect=True)
def test_a_training_that_diverges_stops_and_leaves_no_file(recipe_file):
    out, changes = recipe_file.parent / "bad.onnx", {"training.learning_rate": 1e30, "training.clip": 0.0}
    with pytest.raises(RuntimeError, match=r"the loss is (nan|inf) at step \d+: lower the learning_rate"):
        train.train_and_export(recipe_file, recipe_file.parent, out, changes=changes, progress=False)
    assert not out.exists()
    checkpoint = out.with_name("bad.onnx.checkpoint")
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)["state"]["network"]
        assert all(torch.isfinite(value).all() for value in state.values())


def test_running_statistics_are_averaged_with_the_weights():
    network = Normalised(1.0)
    average = loop._average(network, 0.75)
    average.update_parameters(network)
    before = network.body[1].running_mean.clone()
    with torch.no_grad():
        network(torch.full((2, 1, 6, 6), 3.0))
        network.body[4].weight += 1
    average.update_parameters(network)
    torch.testing.assert_close(average.module.body[1].running_mean, 0.75 * before + 0.25 * network.body[1].running_mean)
    torch.testing.assert_close(average.module.body[4].weight, network.body[4].weight - 0.75)


def test_l2_is_the_paper_s_penalty_on_kernels():
    """One step of Adam equals that on the loss with lambda times the sum of the squared kernels in it."""
    settings = {"learning_rate": 0.01, "linear_rate": 1.0, "l2": 0.3, "schedule": "constant"}
    images, results = torch.rand(2, 1, 6, 6), []
    for explicit in (False, True):
        torch.manual_seed(0)
        network = Normalised(1.0)
        optimizer, schedule = loop._optimizer(network, settings | ({"l2": 0.0} if explicit else {}), 3)
        for _ in range(3):
            loss = network(images).square().mean()
            if explicit:
                loss = loss + 0.3 * sum(network.body[i].weight.square().sum() for i in (0, 4))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            assert {group["lr"] for group in optimizer.param_groups} == {0.01}
        results.append(network.state_dict())
    # The bias before a normalisation has no gradient, and Adam makes steps even of rounding errors.
    for key in ("body.0.weight", "body.1.weight", "body.4.weight", "body.4.bias"):
        torch.testing.assert_close(results[0][key], results[1][key], rtol=1e-4, atol=1e-6)


def test_command_line_makes_a_network_that_runs(recipe_file, capsys, limb_in_short):
    out = recipe_file.parent / "tiny.onnx"
    assert main(["train", str(recipe_file), "--data", str(recipe_file.parent), "--out", str(out)]) == 0
    assert "mu >= " in capsys.readouterr().out
    names = ["tiny.loss.csv", "tiny.loss.png", "tiny.onnx", "tiny.toml"]
    assert sorted(path.name for path in out.parent.glob("tiny*")) == names
    rows = csv_rows(out.with_suffix(".loss.csv"))
    assert [row["step"] for row in rows] == ["4", "8"]
    assert all(float(row["held_out_rms"]) > 0 for row in rows)
    assert float(rows[-1]["epoch"]) == pytest.approx(8 * 4 / 24, abs=1e-4)
    network = load_network(out, "cpu")
    assert network.card.name == "tiny"
    assert network.card.recipe == recipe_file.read_text()
    assert network.card.data["truth.fits"] in network.card.recipe
    (kind,) = metrics_module._LIMB_KINDS[network.card.observable]
    assert {"noise", f"mu = 1.0, {kind}", f"mu = 0.6, {kind}"} == set(network.card.metrics)
    assert all(set(methods) == {"tiny", "linear", "bicubic"} for methods in network.card.metrics.values())
    assert network.card.mu_validated in (1.0, 0.6)
    halo = network.card.halo
    assert network(np.ones((20 + 2 * halo, 24 + 2 * halo), np.float32)).shape == (40, 48)


@pytest.mark.parametrize("recipe_file", ["continuum"], indirect=True)
def test_the_linear_filter_has_a_recipe_of_its_own(recipe_file, limb_in_short):
    own = recipe_file.with_name("tiny-linear.toml")
    own.write_text('base = "tiny.toml"\nname = "tiny-linear"\n[network]\nchannels = 0\n')
    out = own.with_suffix(".onnx")
    assert main(["train", str(own), "--data", str(own.parent), "--out", str(out)]) == 0
    assert not list(own.parent.glob("*.loss.*"))
    card = load_network(out, "cpu").card
    assert card.recipe.endswith(recipe_file.read_text())
    for methods in card.metrics.values():
        assert methods["tiny-linear"] == methods["linear"]
        assert methods["linear"]["rms"] < methods["bicubic"]["rms"]
    # It has itself for a rival, and bicubic interpolation is what it has to beat.
    assert card.mu_validated == 0.6


def test_changes_and_dataset_on_the_command_line(recipe_file, no_limb, capsys):
    folder = recipe_file.parent
    out, dataset = folder / "set.onnx", folder / "set.hdf5"
    common = [str(recipe_file), "--data", str(folder), "--set", "patches.number=9"]
    assert main(["dataset", *common, "--out", str(dataset)]) == 0
    assert "the patches of tiny" in capsys.readouterr().out
    made = dataset.stat().st_mtime_ns
    # The file's patches are enough: its truth is not needed any more.
    (folder / "truth.fits").unlink()
    train_it = ["train", *common, "--set", "training.steps=2", "--dataset", str(dataset), "--out", str(out)]
    assert main(train_it) == 0
    assert dataset.stat().st_mtime_ns == made
    assert load_network(out, "cpu").card.recipe.startswith(
        "# changed: patches.number = 9\n# changed: training.steps = 2\n"
    )
    assert main([*train_it, "--set", "seed=8"]) == 1
    assert "is not of recipe tiny: it differs in ['seed']" in capsys.readouterr().err


@pytest.mark.parametrize("recipe_file", ["magnetogram"], indirect=True)
def test_a_dataset_that_is_not_there_is_made_and_kept(recipe_file, no_limb):
    folder = recipe_file.parent
    # A truth of one's own needs no hash in the recipe; the card has it all the same.
    lines = [line for line in recipe_file.read_text().splitlines() if not line.startswith("sha256")]
    recipe_file.write_text("\n".join(lines))
    digest = hashlib.sha256((folder / "truth.fits").read_bytes()).hexdigest()
    dataset, outs = folder / "kept.hdf5", [folder / "one.onnx", folder / "two.onnx"]
    train.train_and_export(recipe_file, folder, outs[0], dataset=dataset, progress=False)
    train.train_and_export(recipe_file, None, outs[1], dataset=dataset, progress=False)
    in_memory = folder / "three.onnx"
    train.train_and_export(recipe_file, folder, in_memory, progress=False)
    for out in outs:
        assert load_network(out, "cpu").card.data == load_network(in_memory, "cpu").card.data == {"truth.fits": digest}
        for name, value in onnx_weights(in_memory).items():
            np.testing.assert_array_equal(onnx_weights(out)[name], value)


@pytest.mark.parametrize("name", ["paper", "paper-magnetogram"])
def test_the_paper_s_recipe_runs_on_data_of_the_package(name, tmp_path, no_limb):
    scene = {"shape": [128, 128], "scenes": 1, "patches": 3, "test_scenes": 1, "test_patches": 2}
    changes = {
        "synthetic": [{"kind": kind, **scene} for kind in ("quiet", "network", "plage", "pores", "spot")],
        "patches.number": 20,
        "patches.test_number": 10,
        "training.epochs": 2,
        "training.batch": 8,
        "network.channels": 4,
        "network.blocks": 1,
    }
    out = tmp_path / f"{name}.onnx"
    card = train.train_and_export(name, None, out, changes=changes, dataset=tmp_path / "x.hdf5", progress=False)
    assert card.name == name
    assert card.border == "own"
    assert len(card.metrics) == 5
    assert all(set(methods) == {name, "linear", "bicubic"} for methods in card.metrics.values())
    assert load_network(out, "cpu")(np.ones((20, 24), np.float32)).shape == (40, 48)
    rows = csv_rows(out.with_suffix(".loss.csv"))
    assert (rows[-1]["step"], rows[-1]["epoch"]) == ("4", "2.0")


HEAD = {"uncertainty.steps": 12, "uncertainty.channels": 4, "uncertainty.batch": 4}


def test_a_head_tells_the_error_and_leaves_the_network_alone(recipe_file, limb_in_short):
    folder = recipe_file.parent
    plain, both = folder / "plain.onnx", folder / "both.onnx"
    train.train_and_export(recipe_file, folder, plain, progress=False)
    card = train.train_and_export(recipe_file, folder, both, changes=HEAD, progress=False)
    assert load_network(plain, "cpu").card.uncertainty is None
    image = np.random.default_rng(0).normal(1, 0.1, (60, 60)).astype(np.float32)
    enhanced, sigma = load_network(both, "cpu")(image, ["enhanced", "sigma"])
    np.testing.assert_array_equal(enhanced, load_network(plain, "cpu")(image))
    assert sigma.shape == enhanced.shape
    assert (sigma > 0).all()
    (kind,) = metrics_module._LIMB_KINDS[card.observable]
    assert set(card.uncertainty["coverage"]) == {"all", "noise", f"mu = 1.0, {kind}", f"mu = 0.6, {kind}"}
    covered = card.uncertainty["coverage"]["noise"]["all"]
    assert covered["pixels"] == 6 * 24**2
    # Calibrated on other patches of the same source.
    assert covered["within_1"] == pytest.approx(0.68, abs=0.1)
    low, high = card.input_range
    assert low < high
    if card.observable == "magnetogram":
        assert low == -high
    assert not list(folder.glob("*.checkpoint"))


@pytest.mark.parametrize(
    ("observable", "low", "expected"),
    [
        ("magnetogram", 50, (-900, 900)),  # a truth of one polarity
        ("magnetogram", -1200, (-1200, 1200)),
        ("continuum", 0.2, (0.2, 900)),
        ("continuum", -0.1, (-0.1, 900)),  # an umbra whose contrast was raised
    ],
)
def test_the_range_of_a_field_has_both_signs(observable, low, expected):
    images = np.linspace(low, 900, 32, dtype=np.float32).reshape(2, 4, 4)
    found = train._input_range(Patches(images, images, ["a", "a"]), observable, chunk=1)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("recipe_file", ["magnetogram"], indirect=True)
def test_a_head_goes_on_where_it_was(recipe_file, no_limb, monkeypatch):
    folder = recipe_file.parent
    changes = HEAD | {"training.checkpoint": 2}
    killed, whole = folder / "killed.onnx", folder / "whole.onnx"
    undo = interrupt(monkeypatch, 8, uncertainty_module)
    with pytest.raises(KeyboardInterrupt):
        train.train_and_export(recipe_file, folder, killed, changes=changes, progress=False)
    undo()
    assert torch.load(folder / "killed.onnx.uncertainty.checkpoint", weights_only=True)["step"] == 6
    for out in (killed, whole):
        train.train_and_export(recipe_file, folder, out, changes=changes, progress=False)
    one, two = onnx_weights(killed), onnx_weights(whole)
    for name, value in two.items():
        np.testing.assert_array_equal(one[name], value)
    assert not list(folder.glob("*.checkpoint"))


def test_a_head_may_leave_sources_out(recipe_file):
    recipe = recipe_module.read_recipe(recipe_file, changes=HEAD | {"uncertainty.without": ["noise"]})
    patches = recipe_module.make_patches(recipe, recipe_file.parent, progress=False)
    with pytest.raises(ValueError, match=r"without = \['noise'\] leaves no patches"):
        uncertainty_module.train_head(recipe, recipe.network(), patches[0], progress=False)


@pytest.mark.parametrize("recipe_file", ["continuum"], indirect=True)
def test_a_recipe_with_another_head_goes_on_with_the_same_network(recipe_file, no_limb):
    recipe = recipe_module.read_recipe(recipe_file)
    patches = recipe_module.make_patches(recipe, recipe_file.parent, progress=False)
    checkpoint = recipe_file.with_suffix(".checkpoint")
    train.train(recipe, None, patches=patches, checkpoint=checkpoint, progress=False)
    other = recipe_module.read_recipe(recipe_file, changes=HEAD)
    network, _, _ = train.train(other, None, patches=patches, checkpoint=checkpoint, progress=False)
    assert network.channels


@pytest.mark.parametrize("recipe_file", ["continuum"], indirect=True)
@pytest.mark.parametrize(
    ("changes", "out", "error", "message"),
    [
        ({"network": {"kind": "paper"}}, "x.onnx", ValueError, "set uncertainty.steps = 0"),
        ({"network.channels": 0}, "x.onnx", ValueError, "set uncertainty.steps = 0"),
        ({}, "no/x.onnx", FileNotFoundError, r"there is no folder .*no for x\.onnx: make it first"),
        ({"uncertainty.without": ["noise"]}, "x.onnx", ValueError, "leaves no patches: name fewer"),
    ],
)
def test_what_cannot_end_well_does_not_begin(recipe_file, monkeypatch, changes, out, error, message):
    monkeypatch.setattr(train, "train", None)
    with pytest.raises(error, match=message):
        train.train_and_export(
            recipe_file, recipe_file.parent, recipe_file.parent / out, changes=HEAD | changes, progress=False
        )


@pytest.mark.parametrize("recipe_file", ["continuum"], indirect=True)
def test_a_file_may_be_called_synthetic(recipe_file, no_limb):
    recipe_file.write_text(recipe_file.read_text().replace('"noise"', '"synthetic granulation"'))
    out = recipe_file.with_suffix(".onnx")
    card = train.train_and_export(recipe_file, recipe_file.parent, out, changes=HEAD, progress=False)
    assert card.uncertainty["coverage"]["synthetic granulation"]["all"]["pixels"]


@pytest.mark.parametrize("line", ["training.loss=mse", "training.steps"])
def test_changes_that_are_not_toml_are_told(recipe_file, capsys, line):
    assert main(["train", str(recipe_file), "--set", line]) == 1
    assert f"--set {line} is not KEY=VALUE with a TOML value" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_that_is_not_there_is_told(recipe_file, capsys):
    assert main(["train", str(recipe_file), "--data", str(recipe_file.parent), "--device", "cuda"]) == 1
    assert "PyTorch finds no CUDA device" in capsys.readouterr().err


def test_missing_training_extra_is_told(monkeypatch, capsys, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "sunpy_enhance.training.train", None)
    assert main(["train", str(tmp_path / "x.toml")]) == 1
    assert "pip install 'sunpy_enhance[training]'" in capsys.readouterr().err


@pytest.mark.parametrize("name", available_models())
def test_shipped_networks_are_of_the_shipped_recipes(name):
    recipe, card = recipe_module.read_recipe(name), available_models()[name]
    network = recipe.network()
    assert card.recipe == recipe.text
    assert (card.name, card.version, card.border) == (name, recipe["version"], network.border)
    # What reaches less far is given its halo all the same; what pads by itself has none.
    assert (card.halo, card.multiple_of) == (max(network.halo, network.reach), network.multiple_of)
    assert set(card.data) == {entry["file"] for entry in recipe["files"]} | {"sunpy_enhance.training.synthetic"}


def test_metrics_of_a_known_error():
    rng = np.random.default_rng(0)
    from sunpy_enhance.training.patches import Patches

    targets = rng.normal(1, 0.1, (5, 16, 16)).astype(np.float32)
    inputs = np.pad(targets.reshape(5, 8, 2, 8, 2).mean(axis=(2, 4)), ((0, 0), (5, 5), (5, 5)), mode="symmetric")
    patches = Patches(inputs, targets, ["a"] * 3 + ["b"] * 2)
    answers = iter([targets[:3], targets[3:]])

    def shifted(images):
        return torch.from_numpy(next(answers) + np.float32(0.02))[:, None]

    shifted.halo = 5
    metrics = evaluate({"shifted": shifted}, patches, 0.0)
    for source, truth in (("a", targets[:3]), ("b", targets[3:])):
        found = metrics[source]["shifted"]
        assert found["rms"] == pytest.approx(0.02, rel=1e-4)
        assert found["bias"] == pytest.approx(0.02, rel=1e-4)
        assert found["psnr"] == pytest.approx(20 * np.log10(np.ptp(truth) / 0.02), rel=1e-4)
        assert found["contrast"] == pytest.approx(1)
        assert found["correlation"] == pytest.approx(1)
        assert metrics[source]["bicubic"]["rms"] > 0.02
