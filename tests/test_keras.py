"""What comes out of a Keras file is the network that was put into it."""

import importlib
import pathlib
import re

import h5py
import numpy as np
import pytest
from conftest import make_map
from hypothesis import given, settings
from hypothesis import strategies as st
from keras_files import described, keras_layers, random_state, write_layers
from paper_by_numpy import by_numpy

from astropy.io import fits

import sunpy.map

from sunpy_enhance import _onnx, enhance_map
from sunpy_enhance._network import load_network
from sunpy_enhance.cli import main
from sunpy_enhance.demo import cutout_header
from sunpy_enhance.keras import import_keras

DATA = pathlib.Path(__file__).parents[1] / ".." / "shared" / "data" / "hmi"
CONSTANTS = {"continuum": 1.0, "magnetogram": 1000.0}


def image_of(observable, shape, seed=0):
    return (CONSTANTS[observable] * np.random.default_rng(seed).normal(1, 0.3, shape)).astype(np.float32)


@pytest.fixture(scope="module", params=CONSTANTS)
def network(request, tmp_path_factory):
    """The observable, the weights, and the path of the ONNX file: of a width and depth that are not the paper's."""
    folder, state = tmp_path_factory.mktemp("keras"), random_state(5, 2, fine=7)
    weights = write_layers(folder / "weights.hdf5", keras_layers(state))
    import_keras(weights, folder / "mine.onnx", observable=request.param)
    return request.param, state, folder / "mine.onnx"


@settings(max_examples=25)
@given(shape=st.tuples(st.integers(2, 20), st.integers(2, 20)), seed=st.integers(0, 99))
def test_it_is_that_network_up_to_the_border(network, shape, seed):
    observable, state, path = network
    constant, image = CONSTANTS[observable], image_of(observable, shape, seed)
    expected = by_numpy(state, image, constant)
    np.testing.assert_allclose(load_network(path, "cpu")(image), expected, rtol=0, atol=1e-5 * constant)


def test_maps(network):
    observable, state, path = network
    smap = make_map(observable, (70, 81))
    level = 5e4 if observable == "continuum" else 1.0
    given_level = {"quiet_sun": level} if observable == "continuum" else {}
    out = enhance_map(smap, model=path, device="cpu", tile_size=40, **given_level)
    assert out.mask is None
    expected = level * by_numpy(state, smap.data / level, CONSTANTS[observable])
    np.testing.assert_allclose(out.data, expected, rtol=0, atol=1e-5 * level * CONSTANTS[observable])


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("first_number", [1, 6, 98])
@pytest.mark.parametrize(("channels", "blocks"), [(3, 5), (1, 0), (2, 1)])
def test_layouts_depths_and_numberings(tmp_path, whole, first_number, channels, blocks):
    # With five blocks there are 14 convolutions: by the alphabet conv2d_10 would come before conv2d_9.
    state = random_state(channels, blocks)
    layers = keras_layers(state, first_number=first_number)
    weights = write_layers(tmp_path / "weights.hdf5", layers, whole=whole)
    card = import_keras(weights, tmp_path / "out.onnx", observable="continuum")
    image = image_of("continuum", (9, 12))
    result = load_network(tmp_path / "out.onnx", "cpu")(image)
    np.testing.assert_allclose(result, by_numpy(state, image), rtol=0, atol=1e-5)
    assert card.halo == 3 + 2 * blocks


def test_nothing_but_the_layers_with_weights(tmp_path):
    state = random_state()
    layers = {name: weights for name, weights in keras_layers(state).items() if weights}
    import_keras(write_layers(tmp_path / "w.h5", layers), tmp_path / "out.onnx", observable="continuum")
    image = image_of("continuum", (5, 4))
    np.testing.assert_allclose(load_network(tmp_path / "out.onnx", "cpu")(image), by_numpy(state, image), atol=1e-5)


def test_names_in_several_attributes(tmp_path):
    # As Keras does where they are more than an attribute can hold.
    state = random_state()
    weights = write_layers(tmp_path / "w.h5", keras_layers(state))
    with h5py.File(weights, "a") as file:
        names = list(file.attrs["layer_names"])
        del file.attrs["layer_names"]
        for part, some in enumerate((names[:10], names[10:11], names[11:])):
            file.attrs[f"layer_names{part}"] = some
    import_keras(weights, tmp_path / "out.onnx", observable="continuum")
    image = image_of("continuum", (5, 4))
    np.testing.assert_allclose(load_network(tmp_path / "out.onnx", "cpu")(image), by_numpy(state, image), atol=1e-5)


def test_card(tmp_path):
    weights = write_layers(tmp_path / "blos.hdf5", keras_layers(random_state()))
    card = import_keras(weights, tmp_path / "mine.onnx", observable="magnetogram", licence="MIT", mu_validated=0.7)
    assert card == load_network(tmp_path / "mine.onnx", "cpu").card
    assert (card.name, card.licence, card.citation, card.mu_validated) == ("mine", "MIT", "unknown", 0.7)
    assert (card.unit, card.normalisation, card.noise, card.halo, card.border) == ("G", 1000.0, 10.0, 7, "own")
    assert card.psf == {"kind": "wachter", "omega": 2.0, "width": 3.4}
    assert list(card.data) == ["blos.hdf5"]
    assert card.libraries["keras_version"] == "2.0.5"
    assert card.metrics == {}


# --- files that are something else


def changed(name, weight=None, values=None):
    """Return a change of the layers: a weight replaced, or a layer taken out."""

    def change(layers):
        if weight is None:
            return {key: layer for key, layer in layers.items() if key != name}
        before = layers[name][f"{name}/{weight}:0"]
        return layers | {name: layers[name] | {f"{name}/{weight}:0": values(before)}}

    return change


def without_padding(layers):
    return {name: layer for name, layer in layers.items() if not name.startswith("reflection")}


def with_another_layer(layers):
    return layers | {"dense_1": {"dense_1/alpha:0": np.ones(3, np.float32)}}


def nested(layers):
    return {"model_1": {name: values for layer in layers.values() for name, values in layer.items()}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed("conv2d_3"), "7 convolutions and 5 batch normalisations, .* a layer is missing"),
        (changed("batch_normalization_2"), "8 convolutions and 4 batch normalisations"),
        (changed("conv2d_8"), "7 convolutions and 5 batch"),
        (changed("conv2d_1", "kernel", lambda x: x[:, :, :, :-1]), "kernel of conv2d_1 .* expected .3, 3, 1, 5."),
        (changed("conv2d_2", "kernel", lambda x: x[:2]), "kernel of conv2d_2 has the shape .2, 3, 5, 5., expected"),
        (changed("conv2d_8", "bias", lambda x: x.repeat(2)), "bias of conv2d_8 has the shape .2,., expected .1,."),
        (changed("batch_normalization_5", "beta", lambda x: x[1:]), "beta of batch_normalization_5"),
        (changed("conv2d_4", "bias", lambda x: x * np.nan), "bias of conv2d_4 is not finite"),
        (changed("batch_normalization_1", "moving_variance", np.negative), "or a negative variance"),
        (changed("conv2d_4", "bias", np.float64), "conv2d_4 has weights of float64, expected float32"),
        (without_padding, "no layer in front of conv2d_1 pads by reflection"),
        (changed("reflection_padding2d_7"), "no layer in front of conv2d_7 pads by reflection"),
        (with_another_layer, "the layer dense_1 has .'dense_1/alpha:0'., expected"),
        (nested, "model_1 has two weights kernel: expected a network that is not nested"),
        (lambda layers: {}, "has 0 convolutions"),
    ],
)
def test_other_networks(tmp_path, change, message):
    weights = write_layers(tmp_path / "other.hdf5", change(keras_layers(random_state())))
    with pytest.raises(ValueError, match=f"other.hdf5.*{message}"):
        import_keras(weights, tmp_path / "out.onnx", observable="continuum")
    assert [path.name for path in tmp_path.iterdir()] == ["other.hdf5"]


@pytest.mark.parametrize(
    ("kind", "config", "message"),
    [
        ("Activation", {"activation": "elu"}, "Activation x has activation 'elu', the paper's network 'relu'"),
        ("BatchNormalization", {"epsilon": 1e-5}, "has epsilon 1e-05, the paper's network 0.001"),
        ("Conv2D", {"kernel_size": [3, 3], "padding": "same"}, "has padding 'same'"),
        ("UpSampling2D", {"interpolation": "bilinear"}, "has interpolation 'bilinear'"),
    ],
)
def test_whole_networks_with_other_settings(tmp_path, kind, config, message):
    described = {"config": {"layers": [{"class_name": kind, "config": {"name": "x", **config}}]}}
    layers = keras_layers(random_state())
    weights = write_layers(tmp_path / "w.h5", layers, whole=True, config=described)
    with pytest.raises(ValueError, match=message):
        import_keras(weights, tmp_path / "out.onnx", observable="continuum")


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"activation": "LeakyReLU"}, "has no LeakyReLU, as activation_1 is"),
        ({"activation_2": "ELU"}, "has no ELU, as activation_2 is"),
        ({"add_3": "Subtract"}, "has no Subtract, as add_3 is"),
        ({"reflection_padding2d_4": "ZeroPadding2D"}, "has no ZeroPadding2D, as reflection_padding2d_4 is"),
        ({"activation_1": "Add"}, "or in another order"),
    ],
)
def test_whole_networks_of_other_layers(tmp_path, others, message):
    layers = keras_layers(random_state())
    weights = write_layers(tmp_path / "w.h5", layers, whole=True, config=described(layers, **others))
    with pytest.raises(ValueError, match=f"w.h5.*{message}"):
        import_keras(weights, tmp_path / "out.onnx", observable="continuum")
    assert not (tmp_path / "out.onnx").exists()


def test_whole_network_with_layers_of_relu(tmp_path):
    layers = keras_layers(state := random_state())
    weights = write_layers(tmp_path / "w.h5", layers, whole=True, config=described(layers, activation="ReLU"))
    import_keras(weights, tmp_path / "out.onnx", observable="continuum")
    image = image_of("continuum", (5, 4))
    np.testing.assert_allclose(load_network(tmp_path / "out.onnx", "cpu")(image), by_numpy(state, image), atol=1e-5)


def test_names_of_other_layers_are_told_by_weights_alone(tmp_path):
    layers = {name.replace("activation", "leaky_re_lu"): layer for name, layer in keras_layers(random_state()).items()}
    with pytest.raises(ValueError, match=r"w\.h5: .* no layer such as leaky_re_lu_1"):
        import_keras(write_layers(tmp_path / "w.h5", layers), tmp_path / "out.onnx", observable="continuum")


@pytest.mark.parametrize(("factor", "message"), [(0, "the same whatever its input"), (1e30, "that are not finite")])
def test_weights_that_make_no_network(tmp_path, factor, message):
    state = {key: values * np.float32(factor) ** (key == "fine.weight") for key, values in random_state().items()}
    state["first.weight"] *= np.float32(factor)
    weights = write_layers(tmp_path / "w.h5", keras_layers(state))
    with pytest.raises(ValueError, match=rf"w\.h5 is not usable: .* {message}"):
        import_keras(weights, tmp_path / "out.onnx", observable="continuum")
    assert [path.name for path in tmp_path.iterdir()] == ["w.h5"]


def test_weights_are_not_overwritten(tmp_path):
    weights = write_layers(tmp_path / "w.h5", keras_layers(random_state()))
    before = weights.read_bytes()
    with pytest.raises(ValueError, match="which would be lost"):
        import_keras(weights, tmp_path / "." / "w.h5", observable="continuum")
    assert weights.read_bytes() == before
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*none for out\.onnx"):
        import_keras(weights, tmp_path / "none" / "out.onnx", observable="continuum")


def test_two_may_write_the_same_file_at_once(tmp_path, monkeypatch):
    weights = write_layers(tmp_path / "w.h5", keras_layers(random_state()))
    real, other = _onnx.onnx.save, []

    def save(model, path):
        real(model, path)
        if not other:
            other.append(path)
            import_keras(weights, tmp_path / "out.onnx", observable="continuum")

    monkeypatch.setattr(_onnx.onnx, "save", save)
    import_keras(weights, tmp_path / "out.onnx", observable="continuum")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.onnx", "w.h5"]
    assert load_network(tmp_path / "out.onnx", "cpu").card.name == "out"


def test_files_that_are_no_weights(tmp_path):
    out = tmp_path / "out.onnx"
    with pytest.raises(FileNotFoundError, match="none.hdf5 do not exist: check the path"):
        import_keras(tmp_path / "none.hdf5", out, observable="continuum")
    page = tmp_path / "page.hdf5"
    page.write_text("<!DOCTYPE html>")
    with pytest.raises(ValueError, match="page.hdf5 is no complete HDF5 file of Keras weights"):
        import_keras(page, out, observable="continuum")
    with h5py.File(tmp_path / "keras3.weights.h5", "w") as file:
        file["layers/conv2d/vars/0"] = np.ones((3, 3, 1, 5))
    with pytest.raises(ValueError, match=r"has no layer_names: .* from Keras 3, write .* model.save"):
        import_keras(tmp_path / "keras3.weights.h5", out, observable="continuum")
    whole = write_layers(tmp_path / "whole.hdf5", keras_layers(random_state())).read_bytes()
    cut = tmp_path / "cut.hdf5"
    for size in np.linspace(0, len(whole) - 1, 25).astype(int):
        cut.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="cut.hdf5"):
            import_keras(cut, out, observable="continuum")
    for odd in ("[]", "{", '{"config": []}'):
        layers = keras_layers(random_state())
        write_layers(tmp_path / "odd.hdf5", layers, whole=True)
        with h5py.File(tmp_path / "odd.hdf5", "a") as file:
            file.attrs["model_config"] = odd
        with pytest.raises(ValueError, match="odd.hdf5 is no complete"):
            import_keras(tmp_path / "odd.hdf5", out, observable="continuum")
    with h5py.File(tmp_path / "whole.hdf5", "a") as file:
        del file["conv2d_2"]
    with pytest.raises(ValueError, match="whole.hdf5 is no complete .*conv2d_2"):
        import_keras(tmp_path / "whole.hdf5", out, observable="continuum")
    assert not list(tmp_path.glob("out*"))


@settings(max_examples=60)
@given(data=st.data())
def test_damaged_files_are_an_error_or_do_no_harm(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    path = write_layers(folder / "w.hdf5", keras_layers(random_state(2, 1)), whole=True)
    content = bytearray(path.read_bytes())
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=20)):
        content[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    message = None
    try:
        import_keras(path, folder / "out.onnx", observable="continuum")
    except ValueError as error:
        message = str(error)
    assert (folder / "out.onnx").exists() == (message is None)
    assert message is None or str(path) in message


def test_names_that_are_no_text_are_an_error(tmp_path):
    path = write_layers(tmp_path / "w.hdf5", keras_layers(random_state(2, 1)), whole=True)
    content = path.read_bytes()
    # Those of the description of the whole network are not used.
    found = [match.start() for match in re.finditer(b'(?<!")conv2d', content)]
    assert found
    for position in found:
        damaged = bytearray(content)
        damaged[position] ^= 128
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"w\.hdf5"):
            import_keras(path, tmp_path / "out.onnx", observable="continuum")
    assert not list(tmp_path.glob("out*"))


def test_weights_of_the_other_byte_order(tmp_path):
    state = random_state()
    layers = {
        name: {key: values.astype(">f4") for key, values in layer.items()}
        for name, layer in keras_layers(state).items()
    }
    import_keras(write_layers(tmp_path / "w.h5", layers), tmp_path / "out.onnx", observable="continuum")
    image = image_of("continuum", (5, 4))
    np.testing.assert_allclose(load_network(tmp_path / "out.onnx", "cpu")(image), by_numpy(state, image), atol=1e-5)


def test_observables(tmp_path):
    with pytest.raises(ValueError, match="observable is 'intensity', expected one of 'continuum', 'magnetogram'"):
        import_keras(tmp_path / "w.hdf5", tmp_path / "out.onnx", observable="intensity")


@pytest.mark.parametrize("missing", ["h5py", "onnx"])
def test_extra_is_named(tmp_path, monkeypatch, missing):
    monkeypatch.setitem(importlib.import_module("sys").modules, missing, None)
    monkeypatch.delitem(importlib.import_module("sys").modules, "sunpy_enhance._onnx", raising=False)
    with pytest.raises(ImportError, match=f"{missing} is not installed: pip install 'sunpy_enhance.keras.'"):
        import_keras(tmp_path / "w.hdf5", tmp_path / "out.onnx", observable="continuum")


def test_command(tmp_path, capsys):
    state = random_state()
    weights = write_layers(tmp_path / "w.hdf5", keras_layers(state))
    out = tmp_path / "mine.onnx"
    assert main(["import-keras", str(weights), str(out), "--observable", "continuum", "--citation", "me"]) == 0
    assert "mine 1.0: HMI continuum (I / quiet Sun)" in (printed := capsys.readouterr().out)
    assert "halo 7 pixels; licence unknown" in printed
    image = image_of("continuum", (6, 6))
    np.testing.assert_allclose(load_network(out, "cpu")(image), by_numpy(state, image), rtol=0, atol=1e-5)
    assert main(["import-keras", str(tmp_path / "no.hdf5"), str(out), "--observable", "continuum"]) == 1
    assert "no.hdf5 do not exist" in capsys.readouterr().err


# --- files that Keras itself wrote


@pytest.fixture(scope="module", params=["tf_keras weights", "tf_keras network", "keras network"])
def by_keras(request, tmp_path_factory):
    """The paper's network in Keras with random weights, and the file that Keras wrote."""
    package, _, kind = request.param.partition(" ")
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed: nothing to compare with")
    keras = pytest.importorskip(package, reason=f"{package} is not installed: nothing to compare with")
    from keras_networks import keras_network

    path = tmp_path_factory.mktemp("keras") / "weights.h5"
    network = keras_network(keras)
    if kind == "weights":
        network.save_weights(path)
    else:
        network.save(path)
    return lambda image: network.predict(image[None, ..., None], verbose=0)[0, ..., 0], path


# What they warn of is theirs.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("observable", CONSTANTS)
@pytest.mark.parametrize("shape", [(64, 64), (3, 17), (90, 51)])
def test_keras_predicts_the_same(by_keras, observable, shape, tmp_path, record_property):
    predict, weights = by_keras
    import_keras(weights, tmp_path / "out.onnx", observable=observable)
    constant, image = CONSTANTS[observable], image_of(observable, shape)
    difference = np.abs(load_network(tmp_path / "out.onnx", "cpu")(image) / constant - predict(image / constant)).max()
    record_property("largest difference", float(difference))
    assert difference < 2e-5


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("observable", CONSTANTS)
def test_keras_makes_the_same_of_real_frames(by_keras, observable, tmp_path, record_property):
    path = DATA / f"ar11158_{observable}_200x200.fits"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    predict, weights = by_keras
    import_keras(weights, tmp_path / "out.onnx", observable=observable)
    image, constant = fits.getdata(path).astype(np.float32), CONSTANTS[observable]
    header = cutout_header(observable, image.shape, (0.0, 0.0)) | {"origin": "SDO/HMI"}
    enhanced = enhance_map(sunpy.map.Map(image, header), model=tmp_path / "out.onnx", device="cpu")
    assert enhanced.mask is None
    difference = np.abs(enhanced.data / constant - predict(image / np.float32(constant))).max()
    record_property("largest difference", float(difference))
    assert difference < 2e-5
