"""Protocol buffers, field by field: ONNX files are read without the package onnx, which is not among the dependencies.

The encoding is that of https://protobuf.dev/programming-guides/encoding.
"""

__all__ = ["encoded", "fields", "strings"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # types on the wire


def strings(message, wanted):
    """Return the contents of the fields of that number."""
    return [bytes(content) for number, content, _ in fields(message) if number == wanted]


def fields(message):
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


def encoded(number, content):
    """Return a field that holds bytes."""
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + bytes(content)


def _varint(value):
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
