"""ONNX graphs of the networks."""

import functools

import numpy as np

from sunpy_enhance._onnx import Graph
from sunpy_enhance._paper import PaperWeights, folded, paper_graph
from sunpy_enhance.training.networks import CHANGE_GAIN, LEVEL_GAIN, MEAN_INTENSITY, WEAK_FIELD, Hybrid
from sunpy_enhance.training.paper import Paper

__all__ = ["graph_of"]


def _arrays(*parameters):
    return [None if parameter is None else parameter.detach().numpy() for parameter in parameters]


@functools.singledispatch
def graph_of(network):
    """Return the graph that computes a network's ``forward``."""
    msg = f"the network is a {type(network).__name__}, expected a Hybrid or a Paper"
    raise TypeError(msg)


@graph_of.register
def _hybrid(network: Hybrid):
    graph = Graph()
    image = "image"
    if network.constant != 1:
        constant = graph.constant(np.float32(network.constant))
        image = graph.add("Div", image, constant)
    linear = network.linear
    dense, coarse = linear.kernels()
    phases = graph.convolve(graph.crop(image, linear.halo - linear.narrow // 2), *_arrays(dense))
    if linear.wide:
        smooth = graph.convolve(graph.crop(image, linear.halo - linear.halo_of_coarse), *_arrays(linear.smoothing))
        phases = graph.add("Add", phases, graph.convolve(smooth, *_arrays(coarse), dilation=linear.dilation))
    if network.channels:
        phases = _add_residual(graph, network, image, phases)
    if network.constant != 1:
        phases = graph.add("Mul", phases, constant)
    graph.add("DepthToSpace", phases, blocksize=2, mode="CRD", output="enhanced")
    return graph


def _add_residual(graph, network, image, phases):
    features = _add_features(graph, network, graph.crop(image, network.linear.halo), phases)
    features = graph.add("Relu", graph.convolve(features, *_arrays(*network.first_convolution())))
    for one, two in network.blocks:
        inner = graph.add("Relu", graph.convolve(features, *_arrays(*one.parameters_of_convolution())))
        inner = graph.convolve(inner, *_arrays(*two.parameters_of_convolution()))
        features = graph.add("Add", graph.crop(features, 2), inner)
    residual = graph.convolve(features, *_arrays(network.last_convolution()))
    return graph.add("Add", graph.crop(phases, network.margin), residual)


def _add_features(graph, network, image, phases):
    def number(value):
        return graph.constant(np.float32(value))

    if network.odd:
        both = graph.add("Concat", image, phases, axis=1)
        strength = graph.add("Add", graph.add("Abs", both), number(WEAK_FIELD))
        return graph.add("Concat", both, graph.add("Div", both, strength), axis=1)
    level = graph.add("Mul", graph.add("Sub", image, number(MEAN_INTENSITY)), number(LEVEL_GAIN))
    change = graph.add("Mul", graph.add("Sub", phases, image), number(CHANGE_GAIN))
    return graph.add("Concat", level, change, axis=1)


@graph_of.register
def _paper(network: Paper):
    def normalised(convolution, normalisation):
        scaling = normalisation.weight, normalisation.bias, normalisation.running_mean, normalisation.running_var
        return folded(*plain(convolution), *_arrays(*scaling), epsilon=normalisation.eps)

    def plain(convolution):
        return _arrays(convolution.weight, convolution.bias)

    weights = PaperWeights(
        first=plain(network.first),
        blocks=[(normalised(*block[:2]), normalised(*block[3:])) for block in network.blocks],
        closing=normalised(*network.closing),
        fine=plain(network.fine),
        last=plain(network.last),
    )
    return paper_graph(weights, network.constant)
