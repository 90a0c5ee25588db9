"""ONNX graphs, written operation by operation, and the files that they are kept in.

They hold plain convolutions and nothing else, and any onnxruntime of the last years reads them.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ._files import complete_file

__all__ = ["Graph", "session_of", "write"]

_OPSET = 17


class Graph:
    """The operations of a graph, in order; each method appends one and returns the name of its output.

    Its input is called "image", (1, 1, y, x); its outputs have to be called "enhanced" and perhaps "sigma".
    """

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

    def convolve(self, image, kernel, bias=None, dilation=1, padding=0, stride=1, group=1):
        """Add a convolution with a kernel of (outputs, inputs / group, y, x), padded by zeros on each side."""
        inputs = [image, *(self.constant(array) for array in (kernel, bias) if array is not None)]
        sizes = {"kernel_shape": list(kernel.shape[2:]), "dilations": [dilation] * 2, "pads": [padding] * 4}
        return self.add("Conv", *inputs, **sizes, strides=[stride] * 2, group=group)

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

    def model(self, name, outputs=("enhanced",)):
        """Return the checked model of the graph, without a card."""
        ends = [
            helper.make_tensor_value_info(end, TensorProto.FLOAT, [1, 1, f"y_{end}", f"x_{end}"])
            for end in ("image", *outputs)
        ]
        model = helper.make_model(
            helper.make_graph(self.nodes, name, ends[:1], ends[1:], self.initializers),
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=8,
            producer_name="sunpy_enhance",
        )
        onnx.checker.check_model(model, full_check=True)
        return model


def session_of(model):
    """Return what runs a model on the CPU: float32 (y, x) and the name of an output to float32 (2y, 2x)."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda image, output="enhanced": session.run([output], {"image": image[None, None]})[0][0, 0]


def write(model, card, path):
    """Write a model with its `~sunpy_enhance.ModelCard` to a file that appears only when it is complete."""
    helper.set_model_props(model, {"sunpy_enhance": card.to_json()})
    with complete_file(Path(path)) as temporary:
        onnx.save(model, temporary)
