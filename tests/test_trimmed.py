import onnx
import pytest
from conftest import write_network
from test_network import write_network_with_sigma

from sunpy_enhance._trimmed import has_external_data, without_borders, without_sigma


def test_only_what_sigma_needs_is_taken_out(tmp_path):
    path = write_network_with_sigma(tmp_path / "sigma.onnx")
    alone, whole = onnx.load_from_string(without_sigma(path.read_bytes())), onnx.load(path)
    onnx.checker.check_model(alone, full_check=True)
    assert [node.op_type for node in whole.graph.node][-1] == "Mul"
    del whole.graph.node[-1], whole.graph.output[-1]
    # The rest is as it was, the card included.
    assert alone == whole


def test_other_files_stay_as_they_are(tmp_path):
    plain = write_network(tmp_path / "plain.onnx").read_bytes()
    assert without_sigma(plain) is plain


def test_reflections_become_zeros(tmp_path):
    network = onnx.load(write_network(tmp_path / "plain.onnx"))
    assert without_borders(network.SerializeToString()) is None
    pads = onnx.helper.make_tensor("pads", onnx.TensorProto.INT64, [8], [0, 0, 1, 2, 0, 0, 2, 1])
    network.graph.initializer.append(pads)
    pad = onnx.helper.make_node("Pad", ["image", "pads"], ["padded"], name="p", mode="reflect")
    for node in network.graph.node:
        node.input[:] = ["padded" if name == "image" else name for name in node.input]
    network.graph.node.insert(0, pad)
    result = onnx.load_from_string(without_borders(network.SerializeToString()))
    del network.graph.node[0].attribute[:]
    assert result == network


def test_widths_of_an_old_pad_are_kept(tmp_path):
    """Before opset 11 they are an attribute, too."""
    network = onnx.load(write_network(tmp_path / "plain.onnx"))
    pad = onnx.helper.make_node("Pad", ["image"], ["padded"], mode="reflect", pads=[0, 0, 1, 2, 0, 0, 2, 1])
    network.graph.node.insert(0, pad)
    result = onnx.load_from_string(without_borders(network.SerializeToString()))
    assert [(one.name, list(one.ints)) for one in result.graph.node[0].attribute] == [
        ("pads", [0, 0, 1, 2, 0, 0, 2, 1])
    ]


@pytest.mark.parametrize("file", [b"", b"nothing", b"\x3a", b"\x3a\x05abc", b"\x0a\xff", b"\x3a\x02\x62\x00"])
def test_no_network(file):
    assert without_sigma(file) is file
    assert not has_external_data(file)


def test_truncated_file(tmp_path):
    file = write_network_with_sigma(tmp_path / "sigma.onnx").read_bytes()
    for length in (1, 10, len(file) // 2, len(file) - 1):
        cut = file[:length]
        assert without_sigma(cut) is cut
