"""Weights of the paper's network from an HDF5 file of Keras, without Keras.

Their layout is that of Keras 2 (``keras/engine/saving.py``), and of ``model.save("x.h5")`` in later versions: a group
for each layer, named in the attribute ``layer_names`` in the order of the layers, which lists its datasets in the
attribute ``weight_names``; at the root of a file of weights alone, under ``model_weights`` in that of a whole network.
"""

import json
import re

import numpy as np

from ._paper import EPSILON, PaperWeights, folded

__all__ = ["read_keras"]

# What a layer is, by the last part of the names of its weights.
_KINDS = {
    ("kernel", "bias"): "c",
    ("gamma", "beta", "moving_mean", "moving_variance"): "n",
}
_PART = re.compile(r"(kernel|bias|gamma|beta|moving_mean|moving_variance)(_\d+)?(:\d+)?$")
# Convolution; pairs of convolutions with batch normalisation; one more; the two of the enlarged features.
_PAPER = re.compile(r"c(?:cncn)*cncc")
# The same of all layers that do something when the network is applied: a is the activation, p the padding.
_WHOLE = re.compile(r"pca(?:pcnapcn\+)*pcn\+upcac")
# Layers without weights that stand in front of a 3x3 convolution in networks that do not pad by reflection.
_NO_PADDING = ("input", "gaussian_noise", "activation", "add", "up_sampling2d", "zero_padding2d")
# What a layer is, by its class in the description of a whole model.
_CLASSES = {
    "Conv2D": "c",
    "BatchNormalization": "n",
    "Activation": "a",
    "ReLU": "a",
    "Add": "+",
    "UpSampling2D": "u",
    "Lambda": "p",
    **dict.fromkeys(("InputLayer", "GaussianNoise", "Dropout"), ""),
}
# The padding is a class of the authors' own, or a function; what a Lambda does cannot be told.
_FUNCTIONS = ("TFOpLambda", "TensorFlowOpLayer", "Pad")
# Names that Keras gives layers without weights that the paper's network has not got.
_FOREIGN = re.compile(
    r"(leaky_re_lu|elu|thresholded_re_lu|softmax|average|maximum|minimum|multiply|subtract|concatenate)(_\d+)?"
)
# What the description of a whole model has to say of its layers.
_SETTINGS = {
    "Conv2D": {"strides": [1, 1], "dilation_rate": [1, 1], "activation": "linear", "groups": 1},
    "BatchNormalization": {"epsilon": EPSILON},
    "Activation": {"activation": "relu"},
    "ReLU": {"max_value": None, "negative_slope": 0, "threshold": 0},
    "UpSampling2D": {"size": [2, 2], "interpolation": "nearest"},
}

# What h5py raises where a file is truncated or damaged, or where something is of another kind than it should be.
_DAMAGES = (OSError, KeyError, RuntimeError, TypeError, AttributeError)


def read_keras(path):
    """Return the weights of the paper's network in a Keras file, batch normalisation folded in.

    Parameters
    ----------
    path : path

    Returns
    -------
    weights : PaperWeights
    versions : dict
        Of Keras and its backend, as far as the file tells.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where it is no complete HDF5 file, of another layout, or of another network.
    """
    import h5py

    if not path.is_file():
        msg = f"the weights {path} do not exist: check the path"
        raise FileNotFoundError(msg)
    try:
        with h5py.File(path, "r") as file:
            root = file.get("model_weights", file)
            versions = {key: _text(root.attrs[key]) for key in ("keras_version", "backend") if key in root.attrs}
            names = _strings(root, "layer_names")
            if names is None:
                msg = (
                    f"{path} has no layer_names: expected weights as Keras 2 writes them; "
                    "from Keras 3, write the whole network with model.save('NAME.h5')"
                )
                raise ValueError(msg)
            _check_settings(path, file.attrs.get("model_config"))
            layers = [(name, _layer(path, root, name)) for name in names]
    except (*_DAMAGES, json.JSONDecodeError, UnicodeError) as error:
        msg = f"{path} is no complete HDF5 file of Keras weights ({error}): fetch or write it again"
        raise ValueError(msg) from error
    _check_names(path, layers)
    return _paper_weights(path, [(name, layer) for name, layer in layers if layer]), versions


def _strings(group, attribute):
    """Return an attribute that is a list of strings, or None; Keras cuts long ones into attribute0, attribute1 ..."""
    if attribute in group.attrs:
        values = list(group.attrs[attribute])
    elif f"{attribute}0" in group.attrs:
        values, part = [], 0
        while f"{attribute}{part}" in group.attrs:
            values += list(group.attrs[f"{attribute}{part}"])
            part += 1
    else:
        return None
    return [_text(value) for value in values]


def _text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def _layer(path, root, name):
    """Return the weights of a layer by their names, in float32; {} where it has none."""
    layer = {}
    for dataset in _strings(root[name], "weight_names") or []:
        found = _PART.search(dataset)
        part = found[1] if found else dataset
        values = root[name][dataset]
        if part in layer:
            msg = f"{path}: the layer {name} has two weights {part}: expected a network that is not nested in another"
            raise ValueError(msg)
        if values.dtype.newbyteorder("=") != np.float32:
            msg = f"{path}: {name} has weights of {values.dtype}, expected float32"
            raise ValueError(msg)
        layer[part] = values[()].astype(np.float32)
        if not np.isfinite(layer[part]).all() or (part == "moving_variance" and (layer[part] < 0).any()):
            msg = f"{path}: the {part} of {name} is not finite, or a negative variance: the network is not trained"
            raise ValueError(msg)
    return layer


def _check_settings(path, description):
    """Raise where the description of a whole model says that its layers are not those of the paper."""
    if description is None:
        return
    kinds = ""
    for layer in json.loads(description)["config"]["layers"]:
        config, kind = layer["config"], layer["class_name"]
        pads = "reflect" in (json.dumps(layer) if kind in _FUNCTIONS else kind).lower()
        kinds += _CLASSES.get(kind, "p" if pads else "?")
        if kinds.endswith("?"):
            msg = f"{path}: the paper's network has no {kind}, as {config.get('name')} is"
            raise ValueError(msg)
        expected = dict(_SETTINGS.get(kind, {}))
        if kind == "Conv2D" and list(config.get("kernel_size", [])) == [3, 3]:
            expected["padding"] = "valid"  # the layer in front of it pads
        for key, value in expected.items():
            found = config.get(key, value)
            if found != value:
                msg = f"{path}: the {kind} {config.get('name')} has {key} {found!r}, the paper's network {value!r}"
                raise ValueError(msg)
    if not _WHOLE.fullmatch(kinds):
        msg = f"{path}: the layers are not those of the paper's network 'keepsize', or in another order"
        raise ValueError(msg)


def _check_names(path, layers):
    """Raise where a 3x3 convolution is not padded by a layer of its own; a list of nothing but weights cannot tell.

    And where a layer's name is that of another kind than the paper's.
    """
    for name, _ in layers:
        if _FOREIGN.fullmatch(name):
            msg = f"{path}: the paper's network has no layer such as {name}"
            raise ValueError(msg)
    if all(layer for _, layer in layers):
        return
    for (before, its_weights), (name, layer) in zip([("", {"nothing": 0}), *layers], layers, strict=False):
        kernel = layer.get("kernel")
        if kernel is not None and kernel.shape[:2] == (3, 3) and (its_weights or before.startswith(_NO_PADDING)):
            msg = f"{path}: no layer in front of {name} pads by reflection: it is not the paper's network 'keepsize'"
            raise ValueError(msg)


def _paper_weights(path, layers):
    """Return the weights of layers in the paper's order."""
    kinds = ""
    for name, layer in layers:
        kind = next((kind for parts, kind in _KINDS.items() if set(layer) == set(parts)), None)
        if kind is None:
            msg = f"{path}: the layer {name} has {sorted(layer)}, expected a convolution with bias or a normalisation"
            raise ValueError(msg)
        kinds += kind
    if not _PAPER.fullmatch(kinds):
        convolutions, normalisations = kinds.count("c"), kinds.count("n")
        msg = (
            f"{path} has {convolutions} convolutions and {normalisations} batch normalisations, which is not the "
            "paper's network 'keepsize' (4 + 2 n and 1 + 2 n for n residual blocks): a layer is missing or added"
        )
        raise ValueError(msg)
    channels = layers[0][1]["bias"].size
    fine = layers[-2][1]["bias"].size
    convolutions = []
    for number, (name, layer) in enumerate(layers):
        behind = len(layers) - number
        inputs, outputs = (1 if number == 0 else channels), channels
        if behind <= 2:
            inputs, outputs = (channels, fine) if behind == 2 else (fine, 1)
        if "kernel" in layer:
            side = 1 if behind == 1 else 3
            _check_shape(path, name, layer, {"kernel": (side, side, inputs, outputs), "bias": (outputs,)})
            # Keras has (y, x, inputs, outputs), ONNX (outputs, inputs, y, x).
            convolutions.append((layer["kernel"].transpose(3, 2, 0, 1), layer["bias"]))
        else:
            _check_shape(path, name, layer, dict.fromkeys(layer, (channels,)))
            statistics = (layer[part] for part in ("gamma", "beta", "moving_mean", "moving_variance"))
            convolutions[-1] = folded(*convolutions[-1], *statistics)
    first, *body, closing, fine, last = convolutions
    return PaperWeights(first, list(zip(body[::2], body[1::2], strict=True)), closing, fine, last)


def _check_shape(path, name, layer, expected):
    for part, shape in expected.items():
        if layer[part].shape != shape:
            msg = f"{path}: the {part} of {name} has the shape {layer[part].shape}, expected {shape}"
            raise ValueError(msg)
