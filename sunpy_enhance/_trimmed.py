"""A network without what is not asked for.

onnxruntime computes all of a graph, whatever a run fetches (measured with 1.31: ``only_execute_path_to_fetches``
changes nothing), and pads as the graph says, whether or not anything of the border is wanted. So what only sigma needs
is taken out of the file before the session starts, a third of the time or more; and so are the reflections at the
borders for tiles that lie inside, a fifth of the time of the paper's network.
"""

from ._protobuf import encoded, fields, strings

__all__ = ["has_external_data", "without_borders", "without_sigma"]

# Numbers of fields in onnx.proto3.
_GRAPH = 7  # of ModelProto
_NODE, _INITIALIZER, _OUTPUT = 1, 5, 12  # of GraphProto
_EXTERNAL = 13  # of TensorProto
_NAME = 1  # of ValueInfoProto and AttributeProto
_INPUTS, _OUTPUTS, _OPERATION, _ATTRIBUTE = 1, 2, 4, 5  # of NodeProto


def has_external_data(file):
    """Tell whether an ONNX file has weights in another file beside it."""
    try:
        _, parts = _opened(file)
        return any(number == _INITIALIZER and strings(content, _EXTERNAL) for number, content, _ in parts)
    except (IndexError, ValueError):
        return False  # onnxruntime will say what is wrong with it


def without_sigma(file):
    """Return an ONNX file without its second output, "sigma", and without the nodes that only this one needs.

    Parameters
    ----------
    file : bytes
        An ONNX file whose nodes are in the order of computation, as ONNX demands.

    Returns
    -------
    bytes
        The same object where the outputs are not "enhanced" and "sigma", or where it is no ONNX file.
    """
    try:
        model, parts = _opened(file)
        outputs = [strings(content, _NAME)[0] for number, content, _ in parts if number == _OUTPUT]
    except (IndexError, ValueError):
        return file  # onnxruntime will say what is wrong with it
    if outputs != [b"enhanced", b"sigma"]:
        return file
    needed, kept = {b"enhanced"}, []
    for number, content, whole in reversed(parts):
        if number == _OUTPUT and strings(content, _NAME) == [b"sigma"]:
            continue
        if number == _NODE:
            if needed.isdisjoint(strings(content, _OUTPUTS)):
                continue
            needed.update(strings(content, _INPUTS))
        kept.append(whole)
    return _with_graph(model, reversed(kept))


def without_borders(file):
    """Return an ONNX file that pads with zeros, which onnxruntime does within the convolutions, not by reflection.

    Parameters
    ----------
    file : bytes
        An ONNX file.

    Returns
    -------
    bytes or None
        It gives the same a halo away from the borders. None where nothing is padded in the file.
    """
    model, parts = _opened(file)
    kept, found = [], False
    for number, content, whole in parts:
        if number == _NODE and strings(content, _OPERATION) == [b"Pad"]:
            # Without its attribute "mode", a Pad is one of zeros; before opset 11 another one has the widths.
            rest = b"".join(
                part
                for field, attribute, part in fields(content)
                if field != _ATTRIBUTE or strings(attribute, _NAME) != [b"mode"]
            )
            kept.append(encoded(_NODE, rest))
            found = True
        else:
            kept.append(whole)
    return _with_graph(model, kept) if found else None


def _opened(file):
    """Return the fields of an ONNX file and those of its graph."""
    model = list(fields(file))
    (graph,) = (content for number, content, _ in model if number == _GRAPH)
    return model, list(fields(graph))


def _with_graph(model, parts):
    graph = encoded(_GRAPH, b"".join(parts))
    return b"".join(graph if number == _GRAPH else whole for number, _, whole in model)
