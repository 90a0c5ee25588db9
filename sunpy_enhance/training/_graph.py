"""ONNX graphs of the networks."""

import functools

import numpy as np

from sunpy_enhance._onnx import Graph
from sunpy_enhance._paper import PaperWeights, folded, paper_graph
from sunpy_enhance.training._blocks import filter_in_blocks, last_in_blocks
from sunpy_enhance.training.networks import CHANGE_GAIN, LEVEL_GAIN, MEAN_INTENSITY, WEAK_FIELD, Hybrid
from sunpy_enhance.training.paper import Paper
from sunpy_enhance.training.sigma import CORRECTION_GAIN, FAINT_FIELD, LARGEST

__all__ = ["graph_of"]


def _arrays(*parameters):
    return [None if parameter is None else parameter.detach().numpy() for parameter in parameters]


@functools.singledispatch
def graph_of(network, head=None):  # noqa: ARG001 (of the kinds below)
    """Return the graph that computes a network's ``forward``, and the sigma of a head on top of it."""
    msg = f"the network is a {type(network).__name__}, expected a Hybrid or a Paper"
    raise TypeError(msg)


@graph_of.register
def _hybrid(network: Hybrid, head=None):
    graph = Graph()
    image = "image"
    if network.constant != 1:
        constant = graph.constant(np.float32(network.constant))
        image = graph.add("Div", image, constant)
    phases = _add_linear(graph, network, image)
    results = {"enhanced": phases}
    if network.channels:
        image = graph.crop(image, network.linear.halo)
        results["enhanced"], features = _add_residual(graph, network, image, phases)
        if head is not None:
            results["sigma"] = _add_sigma(graph, head, results["enhanced"], phases, image, features, network.margin)
    for name, result in results.items():
        scaled = result if network.constant == 1 else graph.add("Mul", result, constant)
        graph.add("DepthToSpace", scaled, blocksize=2, mode="CRD", output=name)
    return graph


def _add_linear(graph, network, image):
    linear, block = network.linear, network.multiple_of
    (dense, margin), *wide = filter_in_blocks(linear, block)
    image = graph.add("SpaceToDepth", image, blocksize=block)
    phases = _pixels(graph, graph.convolve(graph.crop(image, margin), dense), block)
    if not wide:
        return phases
    (smoothing, margin), (coarse, _) = wide
    smooth = graph.convolve(graph.crop(image, margin), smoothing)
    # Pixels of a block lie as far apart as the taps of the coarse kernel, or a divisor of that.
    far = graph.convolve(smooth, coarse, dilation=linear.dilation // block, group=block**2)
    return graph.add("Add", phases, _pixels(graph, far, block))


def _pixels(graph, blocks, side):
    return graph.add("DepthToSpace", blocks, blocksize=side, mode="CRD")


def _add_residual(graph, network, image, phases):
    unused = network.halo - network.reach
    features = _add_features(graph, network, graph.crop(image, unused), graph.crop(phases, unused))
    features = graph.add("Relu", graph.convolve(features, *_arrays(*network.first_convolution())))
    for layer in network.layers:
        kernel = _arrays(*layer.convolution())
        features = graph.add("Relu", graph.convolve(features, *kernel, dilation=layer.dilation))
    kernel, side = last_in_blocks(network)
    residual = _pixels(graph, graph.convolve(features, kernel, stride=side), side)
    return graph.add("Add", graph.crop(phases, network.margin), residual), features


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


def _add_sigma(graph, head, phases, linear, image, features, margin):
    """Write `~sunpy_enhance.training.sigma.Sigma.forward`."""

    def number(value):
        return graph.constant(np.float32(value))

    def logarithm(values, faint):
        return graph.add("Log", graph.add("Add", graph.add("Div", graph.add("Abs", values), number(faint)), number(1)))

    linear, image = graph.crop(linear, margin - 1), graph.crop(image, margin - 1)
    change, correction = graph.add("Sub", linear, image), graph.add("Sub", phases, graph.crop(linear, 1))
    if head.odd:
        first, second = graph.halves(features)
        around = [logarithm(part, FAINT_FIELD) for part in (image, linear, change)]
        around += [logarithm(graph.add(operation, first, second), 1) for operation in ("Add", "Sub")]
        at = [logarithm(graph.add("Concat", phases, correction, axis=1), FAINT_FIELD)]
    else:
        change = graph.add("Mul", change, number(CHANGE_GAIN))
        correction = graph.add("Mul", correction, number(CORRECTION_GAIN))
        level, enhanced = (
            graph.add("Mul", graph.add("Sub", part, number(MEAN_INTENSITY)), number(LEVEL_GAIN))
            for part in (image, phases)
        )
        around = [level, change, graph.add("Abs", change), features]
        at = [enhanced, correction, graph.add("Abs", correction)]
    first, third = head.convolutions()
    hidden = graph.add("Relu", graph.convolve(graph.add("Concat", *around, axis=1), *_arrays(*first)))
    hidden = graph.add("Relu", graph.convolve(hidden, *_arrays(head.second.weight, head.second.bias)))
    hidden = graph.add("Relu", graph.convolve(graph.add("Concat", hidden, *at, axis=1), *_arrays(*third)))
    result = graph.add("Min", graph.convolve(hidden, *_arrays(head.last.weight, head.last.bias)), number(LARGEST))
    sigma = graph.add("Add", graph.add("Mul", graph.add("Exp", result), number(head.typical)), number(head.floor))
    values, factor = graph.add("Abs", phases) if head.odd else phases, number(head.factors[0])
    for low, high, slope in head.slopes():
        part = graph.add("Sub", graph.add("Clip", values, number(low), number(high)), number(low))
        factor = graph.add("Add", factor, graph.add("Mul", part, number(slope)))
    return graph.add("Mul", sigma, factor)


@graph_of.register
def _paper(network: Paper, head=None):
    if head is not None:
        msg = "the network is of the paper's kind, which has no head for sigma: leave [uncertainty] out"
        raise ValueError(msg)

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
