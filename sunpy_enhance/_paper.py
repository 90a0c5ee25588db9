"""The network of Díaz Baso & Asensio Ramos (2018) as an ONNX graph, made of its weights as arrays.

The architecture is that of Sect. 2.3 and Fig. 3 of A&A 614, A5 (https://doi.org/10.1051/0004-6361/201731344).
"""

import dataclasses

import numpy as np

__all__ = ["EPSILON", "FOLD", "PaperWeights", "folded", "paper_graph", "phase_kernel"]

# Of the batch normalisation, the paper's Eq. 5; Keras' default.
EPSILON = 1e-3
# Which of three taps on an enlarged axis are added to make the two on the axis itself, for either output pixel.
FOLD = np.array([[[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]], np.float32)


@dataclasses.dataclass(frozen=True)
class PaperWeights:
    """What the network is made of; each item is a kernel (outputs, inputs, y, x) and a bias (outputs,), in float32.

    Attributes
    ----------
    first : tuple
        The convolution of the image.
    blocks : list of tuple
        The two convolutions of each residual block, with their batch normalisation folded in.
    closing : tuple
        The convolution behind the blocks, with its batch normalisation folded in.
    fine, last : tuple
        The convolution of the enlarged features, and the sum of those over the channels (1x1).
    """

    first: tuple
    blocks: list
    closing: tuple
    fine: tuple
    last: tuple

    @property
    def reach(self):
        """Input pixels by which an input pixel's influence extends, along an axis."""
        return 3 + 2 * len(self.blocks)


def folded(kernel, bias, gamma, beta, mean, variance, *, epsilon=EPSILON):
    """Return the kernel and the bias that give what a convolution and its batch normalisation (Eq. 5) give.

    Parameters
    ----------
    kernel, bias : numpy.ndarray
        (outputs, inputs, y, x) and (outputs,).
    gamma, beta, mean, variance : numpy.ndarray
        (outputs,); scale, shift, and the statistics kept from training.
    epsilon : float
    """
    kernel, bias, gamma, beta, mean, variance = (
        np.asarray(array, np.float64) for array in (kernel, bias, gamma, beta, mean, variance)
    )
    gain = gamma / np.sqrt(variance + epsilon)
    kernel, bias = kernel * gain[:, None, None, None], (bias - mean) * gain + beta
    return kernel.astype(np.float32), bias.astype(np.float32)


def phase_kernel(kernel, row, column):
    """Return the kernel that gives one phase of a convolution of a nearest-neighbour enlargement by two.

    After the enlargement two of the three taps along an axis fall on the same pixel, so that their weights may be
    added before: of output pixel 2i on pixels i - 1 and i, of output pixel 2i + 1 on pixels i and i + 1. The
    reflection about the outermost enlarged pixel finds its twin, so at low resolution it repeats the outermost pixel.

    Parameters
    ----------
    kernel : numpy.ndarray
        (outputs, inputs, 3, 3), for the enlarged image.
    row, column : {0, 1}
        The output pixel within the input pixel.

    Returns
    -------
    numpy.ndarray
        (outputs, inputs, 2, 2), for the image itself.
    """
    return FOLD[row] @ kernel @ FOLD[column].T


def paper_graph(weights, constant=1.0):
    """Return the graph of the network, without any enlarged features.

    Parameters
    ----------
    weights : PaperWeights
    constant : float
        The image is divided by it first, the result multiplied last.

    Returns
    -------
    `sunpy_enhance._onnx.Graph`
    """
    from ._onnx import Graph

    graph = Graph()

    def reflected(image, kernel, bias):
        return graph.convolve(graph.pad(image, (1, 1), (1, 1), "reflect"), kernel, bias)

    image = "image"
    if constant != 1:
        number = graph.constant(np.float32(constant))
        image = graph.add("Div", image, number)
    features = first = graph.add("Relu", reflected(image, *weights.first))
    for one, two in weights.blocks:
        inner = graph.add("Relu", reflected(features, *one))
        features = graph.add("Add", features, reflected(inner, *two))
    features = graph.add("Add", first, reflected(features, *weights.closing))
    phases = [_phase(graph, weights, features, row, column) for row in (0, 1) for column in (0, 1)]
    result = graph.add("Concat", *phases, axis=1)
    if constant != 1:
        result = graph.add("Mul", result, number)
    graph.add("DepthToSpace", result, blocksize=2, mode="CRD", output="enhanced")
    return graph


def _phase(graph, weights, features, row, column):
    """One of the four output pixels of each input pixel."""
    # A phase of 0 looks at the pixel before, a phase of 1 at the one after.
    around = graph.pad(features, (1 - row, 1 - column), (row, column), "edge")
    kernel, bias = weights.fine
    fine = graph.convolve(around, phase_kernel(kernel, row, column), bias)
    return graph.convolve(graph.add("Relu", fine), *weights.last)
