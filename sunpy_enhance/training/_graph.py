"""ONNX graphs of the networks, written operation by operation.

They hold plain convolutions and nothing else, and any onnxruntime of the last years reads them.
"""

import functools

import numpy as np
from onnx import helper, numpy_helper
from torch.nn.utils import fusion

from sunpy_enhance.training.networks import CHANGE_GAIN, LEVEL_GAIN, MEAN_INTENSITY, WEAK_FIELD, Hybrid
from sunpy_enhance.training.paper import Paper, phase_kernel
from sunpy_enhance.training.sigma import CORRECTION_GAIN, FAINT_FIELD, LARGEST

__all__ = ["Graph", "graph_of"]


class Graph:
    """The operations of a graph, in order; each method appends one and returns the name of its output."""

    def __init__(self):
        self.nodes, self.initializers = [], []

    def constant(self, array):
        """Add a constant."""
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, operation, *inputs, output=None, **attributes):
        """Add an operation by its ONNX name."""
        name = output or f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, inputs, [name], **attributes))
        return name

    def convolve(self, image, weight, bias=None, dilation=1):
        """Add an unpadded convolution."""
        inputs = [image, *(self.constant(p.detach().numpy()) for p in (weight, bias) if p is not None)]
        return self.add("Conv", *inputs, kernel_shape=list(weight.shape[2:]), dilations=[dilation, dilation])

    def crop(self, image, margin):
        """Cut a margin off."""
        if not margin:
            return image
        indices = [np.array(values, np.int64) for values in ([margin] * 2, [-margin] * 2, [2, 3])]
        return self.add("Slice", image, *(self.constant(values) for values in indices))

    def halves(self, image):
        """Part the channels into the first and the second half."""
        names = [f"x{len(self.nodes)}{side}" for side in "ab"]
        self.nodes.append(helper.make_node("Split", [image], names, axis=1))
        return names

    def pad(self, image, before, after, mode):
        """Add rows and columns: (above, left) and (below, right)."""
        return self.add("Pad", image, self.constant(np.array([0, 0, *before, 0, 0, *after], np.int64)), mode=mode)


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
    linear = network.linear
    dense, coarse = linear.kernels()
    phases = graph.convolve(graph.crop(image, linear.halo - linear.narrow // 2), dense)
    if linear.wide:
        smooth = graph.convolve(graph.crop(image, linear.halo - linear.halo_of_coarse), linear.smoothing)
        phases = graph.add("Add", phases, graph.convolve(smooth, coarse, dilation=linear.dilation))
    results = {"enhanced": phases}
    if network.channels:
        image = graph.crop(image, linear.halo)
        results["enhanced"], features = _add_residual(graph, network, image, phases)
        if head is not None:
            results["sigma"] = _add_sigma(graph, head, results["enhanced"], phases, image, features, network.margin)
    for name, result in results.items():
        if network.constant != 1:
            result = graph.add("Mul", result, constant)
        graph.add("DepthToSpace", result, blocksize=2, mode="CRD", output=name)
    return graph


def _add_residual(graph, network, image, phases):
    features = _add_features(graph, network, image, phases)
    features = graph.add("Relu", graph.convolve(features, *network.first_convolution()))
    for one, two in network.blocks:
        inner = graph.add("Relu", graph.convolve(features, *one.parameters_of_convolution()))
        inner = graph.convolve(inner, *two.parameters_of_convolution())
        features = graph.add("Add", graph.crop(features, 2), inner)
    residual = graph.convolve(features, network.last_convolution())
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
    hidden = graph.add("Relu", graph.convolve(graph.add("Concat", *around, axis=1), *first))
    hidden = graph.add("Relu", graph.convolve(hidden, head.second.weight, head.second.bias))
    hidden = graph.add("Relu", graph.convolve(graph.add("Concat", hidden, *at, axis=1), *third))
    result = graph.add("Min", graph.convolve(hidden, head.last.weight, head.last.bias), number(LARGEST))
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
    # With its batch normalisation folded in, and without any enlarged features.
    graph = Graph()

    def reflected(image, convolution, normalisation=None):
        weight, bias = convolution.weight, convolution.bias
        if normalisation is not None:
            statistics = normalisation.running_mean, normalisation.running_var, normalisation.eps
            scaling = normalisation.weight, normalisation.bias
            weight, bias = fusion.fuse_conv_bn_weights(weight, bias, *statistics, *scaling)
        return graph.convolve(graph.pad(image, (1, 1), (1, 1), "reflect"), weight, bias)

    image = "image"
    if network.constant != 1:
        constant = graph.constant(np.float32(network.constant))
        image = graph.add("Div", image, constant)
    features = first = graph.add("Relu", reflected(image, network.first))
    for one, its_normalisation, _, two, the_other in network.blocks:
        inner = graph.add("Relu", reflected(features, one, its_normalisation))
        features = graph.add("Add", features, reflected(inner, two, the_other))
    features = graph.add("Add", first, reflected(features, *network.closing))
    phases = [_phase(graph, network, features, row, column) for row in (0, 1) for column in (0, 1)]
    result = graph.add("Concat", *phases, axis=1)
    if network.constant != 1:
        result = graph.add("Mul", result, constant)
    graph.add("DepthToSpace", result, blocksize=2, mode="CRD", output="enhanced")
    return graph


def _phase(graph, network, features, row, column):
    """One of the four output pixels of each input pixel."""
    # A phase of 0 looks at the pixel before, a phase of 1 at the one after.
    around = graph.pad(features, (1 - row, 1 - column), (row, column), "edge")
    fine = graph.convolve(around, phase_kernel(network.fine.weight, row, column), network.fine.bias)
    return graph.convolve(graph.add("Relu", fine), network.last.weight, network.last.bias)
