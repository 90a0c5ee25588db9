"""A network without the outputs that are not asked for.

onnxruntime computes all of a graph, whatever a run fetches (measured with 1.31: ``only_execute_path_to_fetches``
changes nothing). So what only sigma needs is taken out of the file before the session starts: it is a fifth of the
time. The file is read as a protocol buffer, since the package onnx is not among the dependencies.
"""

__all__ = ["without_sigma"]

# Numbers of fields in onnx.proto3.
_GRAPH = 7  # of ModelProto
_NODE, _OUTPUT = 1, 12  # of GraphProto
_NAME = 1  # of ValueInfoProto
_INPUTS, _OUTPUTS = 1, 2  # of NodeProto

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # types on the wire


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
        model = list(_fields(file))
        (graph,) = (content for number, content, _ in model if number == _GRAPH)
        parts = list(_fields(graph))
        outputs = [_strings(content, _NAME)[0] for number, content, _ in parts if number == _OUTPUT]
    except (IndexError, ValueError):
        return file  # onnxruntime will say what is wrong with it
    if outputs != [b"enhanced", b"sigma"]:
        return file
    needed, kept = {b"enhanced"}, []
    for number, content, whole in reversed(parts):
        if number == _OUTPUT and _strings(content, _NAME) == [b"sigma"]:
            continue
        if number == _NODE:
            if needed.isdisjoint(_strings(content, _OUTPUTS)):
                continue
            needed.update(_strings(content, _INPUTS))
        kept.append(whole)
    graph = b"".join(reversed(kept))
    head = _varint(_GRAPH << 3 | _BYTES) + _varint(len(graph))
    return b"".join(head + graph if number == _GRAPH else whole for number, _, whole in model)


def _strings(message, wanted):
    return [bytes(content) for number, content, _ in _fields(message) if number == wanted]


def _fields(message):
    """Yield (number, content, all of its bytes) of each field of a message."""
    message, position = memoryview(message), 0
    while position < len(message):
        start = position
        key, position = _read_varint(message, position)
        kind = key & 7
        if kind == _VARINT:
            content_start = position
            _, position = _read_varint(message, position)
        elif kind == _BYTES:
            length, content_start = _read_varint(message, position)
            position = content_start + length
        elif kind in (_FIXED32, _FIXED64):
            content_start = position
            position += 4 if kind == _FIXED32 else 8
        else:
            msg = f"wire type {kind}, expected a protocol buffer"
            raise ValueError(msg)
        if position > len(message):
            msg = "the message ends within a field"
            raise ValueError(msg)
        yield key >> 3, message[content_start:position], message[start:position]


def _read_varint(message, position):
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position += 1
        shift += 7
        if byte < 0x80:
            return value, position


def _varint(value):
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
