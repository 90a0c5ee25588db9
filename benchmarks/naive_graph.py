"""The paper's five-block network with random weights, as it is exported naively."""

import dataclasses

import numpy as np
import torch

from sunpy_enhance import available_models
from sunpy_enhance._onnx import Graph, write
from sunpy_enhance.training.paper import Paper

__all__ = ["write_naive_graph"]


def write_naive_graph(path):
    """Write the file; return its path."""
    torch.manual_seed(0)
    network = Paper().eval()
    card = available_models()["continuum-paper"]
    write(_naive(network).model("naive"), dataclasses.replace(card, name="naive", metrics={}), path)
    return path


def _naive(network):
    """Operation by operation, batch normalisation and enlargement included."""
    graph = Graph()

    def reflected(image, convolution):
        weights = [values.detach().numpy() for values in (convolution.weight, convolution.bias)]
        return graph.convolve(graph.pad(image, (1, 1), (1, 1), "reflect"), *weights)

    def normalised(image, layer):
        values = [layer.weight, layer.bias, layer.running_mean, layer.running_var]
        constants = [graph.constant(value.detach().numpy()) for value in values]
        return graph.add("BatchNormalization", image, *constants, epsilon=layer.eps)

    features = first = graph.add("Relu", reflected("image", network.first))
    for one, its_normalisation, _, two, the_other in network.blocks:
        inner = graph.add("Relu", normalised(reflected(features, one), its_normalisation))
        features = graph.add("Add", features, normalised(reflected(inner, two), the_other))
    closing, its_normalisation = network.closing
    features = graph.add("Add", first, normalised(reflected(features, closing), its_normalisation))
    sizes = graph.constant(np.array([1, 1, 2, 2], np.float32))
    steps = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    wide = graph.add("Resize", features, "", sizes, **steps)
    wide = graph.add("Relu", reflected(wide, network.fine))
    last = [graph.constant(value.detach().numpy()) for value in (network.last.weight, network.last.bias)]
    graph.add("Conv", wide, *last, kernel_shape=[1, 1], output="enhanced")
    return graph
