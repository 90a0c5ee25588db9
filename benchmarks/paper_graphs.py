"""The paper's five-block network with random weights, as ONNX files: as it is exported naively, and folded."""

import dataclasses

import onnx
import torch
from onnx import TensorProto, helper

from sunpy_enhance import available_models
from sunpy_enhance._onnx import Graph
from sunpy_enhance.training._graph import graph_of
from sunpy_enhance.training.paper import Paper

__all__ = ["write_paper_graphs"]


def write_paper_graphs(folder):
    """Write both files; return {what it is: path}."""
    torch.manual_seed(0)
    network = Paper().eval()
    card = available_models()["continuum"]
    card = dataclasses.replace(card, name="paper", halo=network.reach, border="own", metrics={})
    paths = {"paper, folded": folder / "paper_folded.onnx", "paper, naive": folder / "paper_naive.onnx"}
    for graph, path in zip((graph_of(network), _naive(network)), paths.values(), strict=True):
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, f"y_{name}", f"x_{name}"])
            for name in ("image", "enhanced")
        ]
        model = helper.make_model(
            helper.make_graph(graph.nodes, "paper", ends[:1], ends[1:], graph.initializers),
            opset_imports=[helper.make_opsetid("", 17)],
            ir_version=8,
        )
        helper.set_model_props(model, {"sunpy_enhance": card.to_json()})
        onnx.save(model, path)
    return paths


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
    sizes = graph.constant(torch.tensor([1.0, 1.0, 2.0, 2.0]).numpy())
    steps = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    wide = graph.add("Resize", features, "", sizes, **steps)
    wide = graph.add("Relu", reflected(wide, network.fine))
    last = [graph.constant(value.detach().numpy()) for value in (network.last.weight, network.last.bias)]
    graph.add("Conv", wide, *last, kernel_shape=[1, 1], output="enhanced")
    return graph
