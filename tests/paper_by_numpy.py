"""The paper's network written a second time, layer by layer as it is drawn, in numpy and float64."""

import numpy as np


def convolve(image, weight, bias):
    """(inputs, y, x) -> (outputs, y, x), with reflection about the outermost pixel."""
    margin = weight.shape[-1] // 2
    padded = np.pad(image, ((0, 0), (margin, margin), (margin, margin)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], axis=(1, 2))
    return np.einsum("cyxij,ocij->oyx", windows, weight, optimize=True) + bias[:, None, None]


def normalise(image, mean, variance, gamma, beta):
    mean, variance, gamma, beta = (values[:, None, None] for values in (mean, variance, gamma, beta))
    return gamma * (image - mean) / np.sqrt(variance + 1e-3) + beta


def relu(image):
    return np.maximum(image, 0)


def enlarge(image):
    return image.repeat(2, axis=-2).repeat(2, axis=-1)


def paper_by_numpy(network, image):
    """(y, x) -> (2y, 2x), with the weights of a `sunpy_enhance.training.paper.Paper`."""
    state = {key: value.detach().double().numpy() for key, value in network.state_dict().items()}
    return by_numpy(state, image, network.constant)


def by_numpy(state, image, constant=1.0):
    """(y, x) -> (2y, 2x), with weights by the names that PyTorch gives them."""

    def convolution(features, name):
        return convolve(features, state[f"{name}.weight"], state[f"{name}.bias"])

    def both(features, name, number):
        statistics = (state[f"{name}.{number + 1}.{key}"] for key in ("running_mean", "running_var", "weight", "bias"))
        return normalise(convolution(features, f"{name}.{number}"), *statistics)

    first = features = relu(convolution(image[None].astype(float) / constant, "first"))
    for block in range(sum(key.startswith("blocks.") and key.endswith(".0.weight") for key in state)):
        inner = relu(both(features, f"blocks.{block}", 0))
        features = features + both(inner, f"blocks.{block}", 3)
    features = first + both(features, "closing", 0)
    fine = relu(convolution(enlarge(features), "fine"))
    return convolution(fine, "last")[0] * constant
