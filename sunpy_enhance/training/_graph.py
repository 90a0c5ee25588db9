"""ONNX graphs of the networks, written operation by operation.

They hold plain convolutions and nothing else, and any onnxruntime of the last years reads them.
"""

import functools

import numpy as np
from onnx import helper, numpy_helper
from torch.nn.utils import fusion

from sunpy_enhance.training.networks import CHANGE_GAIN, LEVEL_GAIN, MEAN_INTENSITY, WEAK_FIELD, Hybrid
from sunpy_enhance.training.paper import Paper, phase_kernel

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

    def convolve(self, image, weight, bias=None, dilation=1, padding=0):
        """Add a convolution, by default an unpadded one; `padding` pixels of zeros on each side otherwise."""
        inputs = [image, *(self.constant(p.detach().numpy()) for p in (weight, bias) if p is not None)]
        sizes = {"kernel_shape": list(weight.shape[2:]), "dilations": [dilation] * 2, "pads": [padding] * 4}
        return self.add("Conv", *inputs, **sizes)

    def crop(self, image, margin):
        """Cut a margin off."""
        if not margin:
            return image
        indices = [np.array(values, np.int64) for values in ([margin] * 2, [-margin] * 2, [2, 3])]
        return self.add("Slice", image, *(self.constant(values) for values in indices))

    def pad(self, image, before, after, mode):
        """Add rows and columns: (above, left) and (below, right)."""
        return self.add("Pad", image, self.constant(np.array([0, 0, *before, 0, 0, *after], np.int64)), mode=mode)


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
    phases = graph.convolve(graph.crop(image, linear.halo - linear.narrow // 2), dense)
    if linear.wide:
        smooth = graph.crop(image, linear.halo - linear.halo_of_coarse)
        # The smoothing kernel is an outer product: a column and a row of it are fewer operations.
        column = linear.smoothing.sum(dim=3, keepdim=True)
        smooth = graph.convolve(graph.convolve(smooth, column), column.transpose(2, 3))
        phases = graph.add("Add", phases, graph.convolve(smooth, coarse, dilation=linear.dilation))
    if network.channels:
        phases = _add_residual(graph, network, image, phases)
    if network.constant != 1:
        phases = graph.add("Mul", phases, constant)
    graph.add("DepthToSpace", phases, blocksize=2, mode="CRD", output="enhanced")
    return graph


def _add_residual(graph, network, image, phases):
    features = _add_features(graph, network, graph.crop(image, network.linear.halo), phases)
    features = graph.add("Relu", graph.convolve(features, *network.first_convolution()))
    # The blocks keep the size, and what saw their zeros is cut off at the end, not block by block: onnxruntime leaves
    # its own order of pixels for each Slice, which is a fifth of the whole time.
    for one, two in network.blocks:
        inner = graph.add("Relu", graph.convolve(features, *one.parameters_of_convolution(), padding=1))
        inner = graph.convolve(inner, *two.parameters_of_convolution(), padding=1)
        features = graph.add("Add", features, inner)
    residual = graph.crop(graph.convolve(features, network.last_convolution()), 2 * len(network.blocks))
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
    """Write the network with its batch normalisation folded in, and without any enlarged features."""
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
