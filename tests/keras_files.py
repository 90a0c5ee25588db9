"""Weights of the paper's network in HDF5 files as Keras lays them out, written without Keras."""

import json

import h5py
import numpy as np


def random_state(channels=5, blocks=2, *, fine=None, seed=0):
    """Return random weights by the names that PyTorch gives them (see `paper_by_numpy`), in float32."""
    rng, fine = np.random.default_rng(seed), fine or channels
    state = {}

    def convolution(name, inputs, outputs, side=3):
        deviation = np.sqrt(1 / (inputs * side**2))
        state[f"{name}.weight"] = rng.normal(0, deviation, (outputs, inputs, side, side))
        state[f"{name}.bias"] = rng.normal(0, 0.1, outputs)

    def normalised(name, number):
        convolution(f"{name}.{number}", channels, channels)
        for part, deviation in (("weight", 0.3), ("bias", 0.1), ("running_mean", 0.3)):
            state[f"{name}.{number + 1}.{part}"] = rng.normal(part == "weight", deviation, channels)
        state[f"{name}.{number + 1}.running_var"] = rng.uniform(0.3, 3, channels)

    convolution("first", 1, channels)
    for block in range(blocks):
        normalised(f"blocks.{block}", 0)
        normalised(f"blocks.{block}", 3)
    normalised("closing", 0)
    convolution("fine", channels, fine)
    convolution("last", fine, 1, side=1)
    return {key: values.astype(np.float32) for key, values in state.items()}


def keras_layers(state, *, first_number=1):
    """Return the network's layers in the order of their creation: name to a dict of the weights."""
    kinds = {"conv2d": 0, "batch_normalization": 0, "reflection_padding2d": 0, "activation": 0, "add": 0}
    layers = {"input_1": {}, "gaussian_noise_1": {}}

    def add(kind, weights=()):
        number, kinds[kind] = first_number + kinds[kind], kinds[kind] + 1
        name = f"{kind}_{number}"
        layers[name] = {f"{name}/{part}:0": values for part, values in dict(weights).items()}

    def convolution(name):
        kernel, bias = state[f"{name}.weight"].transpose(2, 3, 1, 0), state[f"{name}.bias"]
        if len(kernel) == 3:
            add("reflection_padding2d")
        add("conv2d", {"kernel": kernel, "bias": bias})

    def normalised(name, number):
        convolution(f"{name}.{number}")
        parts = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
        add("batch_normalization", {to: state[f"{name}.{number + 1}.{part}"] for to, part in parts.items()})

    convolution("first")
    add("activation")
    for block in range(sum(key.startswith("blocks.") and key.endswith(".0.weight") for key in state)):
        normalised(f"blocks.{block}", 0)
        add("activation")
        normalised(f"blocks.{block}", 3)
        add("add")
    normalised("closing", 0)
    add("add")
    layers["up_sampling2d_1"] = {}
    convolution("fine")
    add("activation")
    convolution("last")
    return layers


_CLASSES = {
    "input": "InputLayer",
    "gaussian_noise": "GaussianNoise",
    "reflection_padding2d": "ReflectionPadding2D",
    "conv2d": "Conv2D",
    "batch_normalization": "BatchNormalization",
    "activation": "Activation",
    "add": "Add",
    "up_sampling2d": "UpSampling2D",
}


def described(layers, **others):
    """Return the description of a whole network; others are classes by the names of the layers they stand for."""
    found = []
    for name in layers:
        kind = name.rpartition("_")[0]
        kind = others.get(name, others.get(kind, _CLASSES.get(kind, kind)))
        found.append(
            {"class_name": kind, "config": {"name": name} | ({"activation": "relu"} if kind == "Activation" else {})}
        )
    return {"class_name": "Model", "config": {"layers": found}}


def write_layers(path, layers, *, whole=False, config=None):
    """Write layers: weights alone, or the file of a whole network."""
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole else file
        root.attrs["layer_names"] = [name.encode() for name in layers]
        root.attrs["backend"], root.attrs["keras_version"] = b"tensorflow", b"2.0.5"
        if whole:
            file.attrs["model_config"] = json.dumps(config or described(layers)).encode()
            file.create_group("optimizer_weights")
        for name, weights in layers.items():
            group = root.create_group(name)
            group.attrs["weight_names"] = [weight.encode() for weight in weights]
            for weight, values in weights.items():
                group[weight] = values
    return path
