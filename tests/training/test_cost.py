"""What a graph costs, counted by hand."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sunpy_enhance import models
from sunpy_enhance.training.cost import graph_cost


def write(path, nodes, **weights):
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 1, f"y{n}", f"x{n}"]) for n in ("image", "out")]
    tensors = [numpy_helper.from_array(np.zeros(shape, np.float32), name) for name, shape in weights.items()]
    graph = helper.make_graph(nodes, "known", ends[:1], ends[1:], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_convolutions_are_counted_by_hand(tmp_path):
    nodes = [
        # 32 -> 30 pixels, 8 kernels of 3x3 with biases
        helper.make_node("Conv", ["image", "first", "bias"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        # in two groups, dilated: 30 -> 26 pixels
        helper.make_node("Conv", ["b", "grouped"], ["c"], dilations=[2, 2], group=2),
        helper.make_node("Conv", ["c", "last"], ["d"]),
        helper.make_node("DepthToSpace", ["d"], ["out"], blocksize=2),
    ]
    shapes = {"first": (8, 1, 3, 3), "bias": (8,), "grouped": (6, 4, 3, 3), "last": (4, 6, 1, 1)}
    path = write(tmp_path / "known.onnx", nodes, **shapes)
    parameters, multiply_adds = graph_cost(path, side=32)
    assert parameters == 72 + 8 + 216 + 24
    assert multiply_adds == (72 * 30**2 + 216 * 26**2 + 24 * 26**2) / 32**2
    assert graph_cost(path)[1] == pytest.approx(72 + 216 + 24, rel=1e-3)


def test_padding_and_high_resolution_count(tmp_path):
    nodes = [
        helper.make_node("DepthToSpace", ["phases"], ["fine"], blocksize=2),
        helper.make_node("Conv", ["image", "up"], ["phases"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["fine", "last"], ["out"], pads=[1, 1, 1, 1]),
    ]
    path = write(tmp_path / "own.onnx", [nodes[1], nodes[0], nodes[2]], up=(4, 1, 3, 3), last=(1, 1, 3, 3))
    assert graph_cost(path, side=10) == (36 + 9, 36 + 4 * 9)


def test_what_cannot_be_counted_is_refused(tmp_path):
    path = write(tmp_path / "m.onnx", [helper.make_node("MatMul", ["image", "w"], ["out"])], w=(1, 1, 8, 8))
    with pytest.raises(ValueError, match="has MatMul, expected convolutions"):
        graph_cost(path, side=8)


@pytest.mark.parametrize("name", models._SHIPPED)
def test_cost_of_the_shipped_networks_grows_with_the_area(name):
    path = models.resolve(name)
    parameters, whole = graph_cost(path)
    assert parameters > 1000
    assert whole == pytest.approx(graph_cost(path, side=2**15)[1], rel=0.01)
