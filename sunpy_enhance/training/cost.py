"""What a network costs: its parameters, and multiply-adds for each input pixel."""

import math

__all__ = ["graph_cost"]

# Operations that multiply by weights, too, and that no exported network has.
_UNKNOWN = {"ConvTranspose", "Einsum", "Gemm", "GRU", "LSTM", "MatMul", "RNN"}


def graph_cost(path, *, side=2**16):
    """Count the parameters and the multiply-adds of an ONNX file.

    A convolution costs one multiply-add for each of its weights and each pixel that it computes; additions,
    activations and the ordering of pixels are not counted.

    Parameters
    ----------
    path : path
        An ONNX file with one input image (1, 1, y, x).
    side : int
        Side of the square image, in input pixels, that the cost is counted for: by default so large that its borders
        do not count.

    Returns
    -------
    parameters : int
        Weights and biases of all convolutions.
    multiply_adds : float
        For each input pixel.

    Raises
    ------
    ValueError
        Where the graph multiplies by weights in another operation than a convolution, or a shape cannot be inferred.
    """
    import onnx

    model = onnx.load(path)
    if unknown := sorted({node.op_type for node in model.graph.node} & _UNKNOWN):
        msg = f"{path} has {', '.join(unknown)}, expected convolutions alone: its cost cannot be counted"
        raise ValueError(msg)
    for axis in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = side
    for axis in (2, 3):
        model.graph.output[0].type.tensor_type.shape.dim[axis].Clear()
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in [*inferred.value_info, *inferred.output]
    }
    sizes = {tensor.name: list(tensor.dims) for tensor in inferred.initializer}
    parameters = total = 0
    for node in inferred.node:
        if node.op_type != "Conv":
            continue
        pixels = math.prod(shapes.get(node.output[0], [0, 0, 0])[2:])
        if not pixels:
            msg = f"{path}: the shape of {node.output[0]} cannot be inferred, expected a graph of known shapes"
            raise ValueError(msg)
        parameters += sum(math.prod(sizes[name]) for name in node.input[1:] if name)
        total += math.prod(sizes[node.input[1]]) * pixels
    return parameters, total / side**2
