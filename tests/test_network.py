import dataclasses
import sys
import threading
import time
import types
import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import make_map, write_network
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto

from sunpy.util.exceptions import SunpyUserWarning

from sunpy_enhance import _network, _session, enhance_map
from sunpy_enhance._network import Network, apply_tiled, load_network
from sunpy_enhance._pixels import enlarge


def image_of(shape, seed=0):
    return (1 + 0.1 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


@pytest.mark.parametrize("name", ["continuum", "own"])
def test_tiled_is_whole(networks, name):
    network = load_network(networks[name], "cpu")
    image = image_of((131, 100))
    source = np.pad(image, 2, mode="symmetric") if name == "continuum" else image
    whole = network(source)
    assert whole.shape == (262, 200)
    for size in (32, 33, 50, 64, 130, 480, None):
        np.testing.assert_allclose(apply_tiled(network, image, size), whole, rtol=1e-6)


@settings(max_examples=15)
@given(shape=st.tuples(st.integers(32, 90), st.integers(32, 90)), size=st.integers(32, 70))
def test_tiled_is_whole_for_any_shape(networks, shape, size):
    image = image_of(shape)
    for name in ("continuum", "own"):
        network = load_network(networks[name], "cpu")
        np.testing.assert_allclose(apply_tiled(network, image, size), apply_tiled(network, image, 1000), rtol=1e-6)


def test_border_matters_in_this_test(networks):
    # Otherwise "tiled is whole at the border" would hold for any padding.
    image = image_of((64, 64))
    pad, own = (apply_tiled(load_network(networks[name], "cpu"), image) for name in ("continuum", "own"))
    np.testing.assert_allclose(pad[4:-4, 4:-4], own[4:-4, 4:-4], rtol=1e-6)
    assert np.abs(pad - own)[:4].max() > 1e-3


def test_multiples(networks):
    network = load_network(networks["continuum"], "cpu")
    seen = []

    class Picky(Network):
        def __call__(self, image, outputs="enhanced", **how):
            seen.append(image.shape)
            return network(image, outputs, **how)

    picky = Picky(dataclasses.replace(network.card, multiple_of=8), "", "cpu", None)
    image = image_of((45, 70))
    whole = apply_tiled(network, image)
    result = apply_tiled(picky, image, 33)
    assert all((length - 4) % 8 == 0 for shape in seen for length in shape)
    np.testing.assert_allclose(result, whole, rtol=1e-6)


def test_skips_what_is_not_needed(networks):
    network = load_network(networks["continuum"], "cpu")
    image = image_of((96, 64))
    needed = np.zeros(image.shape, dtype=bool)
    needed[40, 10] = True
    result = apply_tiled(network, image, 32, needed=needed)
    done = np.isfinite(result)
    assert done[80:82, 20:22].all()
    assert done.sum() == 4
    assert np.isnan(apply_tiled(network, image, needed=np.zeros_like(needed))).all()
    needed[90:, 50:] = True
    result = apply_tiled(network, image, 32, needed=needed)
    done = np.isfinite(result)
    assert done[enlarge(needed)].all()
    assert done.sum() < done.size / 2
    np.testing.assert_allclose(result[done], apply_tiled(network, image)[done], rtol=1e-6)


def write_network_with_sigma(path):
    """A network with a second output, half of the first."""
    model = onnx.load(write_network(path))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(0.5), "half"))
    model.graph.node.append(onnx.helper.make_node("Mul", ["enhanced", "half"], ["sigma"]))
    output = onnx.helper.make_tensor_value_info("sigma", onnx.TensorProto.FLOAT, [1, 1, "Y", "X"])
    model.graph.output.append(output)
    onnx.save(model, path)
    return path


def test_several_outputs(networks, tmp_path):
    network = load_network(write_network_with_sigma(tmp_path / "sigma.onnx"), "cpu")
    image = image_of((50, 64))
    alone = apply_tiled(network, image, 32)
    np.testing.assert_array_equal(alone, apply_tiled(load_network(networks["continuum"], "cpu"), image, 32))
    sigma, enhanced = apply_tiled(network, image, 32, outputs=("sigma", "enhanced"))
    np.testing.assert_array_equal(enhanced, alone)
    np.testing.assert_array_equal(sigma, alone / 2)
    assert network(image).shape == network(image, ["sigma"])[0].shape
    # What only sigma needs is not computed where it is not asked for.
    assert [node.name for node in network.session.get_outputs()] == ["enhanced"]
    assert network.session_for(["enhanced"]) is network.session
    assert network.session_for(["sigma"]) is network.session_for(["enhanced", "sigma"]) is not network.session


def test_threads_of_the_environment(networks, monkeypatch):
    monkeypatch.setattr(_network, "_LOADED", {})
    monkeypatch.setenv("SUNPY_ENHANCE_THREADS", "1")
    network = load_network(networks["continuum"], "cpu")
    assert network.session.get_session_options().intra_op_num_threads == 1
    for wrong in ("0", "two", "-1", "1.5"):
        monkeypatch.setattr(_network, "_LOADED", {})
        monkeypatch.setenv("SUNPY_ENHANCE_THREADS", wrong)
        with pytest.raises(ValueError, match="SUNPY_ENHANCE_THREADS is .* expected a positive integer"):
            load_network(networks["continuum"], "cpu")


def test_progress_bar(networks, capsys):
    apply_tiled(load_network(networks["continuum"], "cpu"), image_of((64, 64)), 32, progress=True)
    assert "4/4" in capsys.readouterr().err


def test_wrong_card(networks, tmp_path):
    network = load_network(write_network(tmp_path / "halo.onnx", halo=3), "cpu")
    with pytest.raises(ValueError, match="its card promises"):
        apply_tiled(network, image_of((40, 40)))


def test_network_is_loaded_once(networks, tmp_path):
    path = networks["continuum"]
    first = load_network(path, "cpu")
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(path.read_bytes())
    assert load_network(str(copy), "cpu") is first
    assert len(first.sha256) == 64
    assert load_network(networks["own"], "cpu") is not first


def test_not_a_network(tmp_path):
    text = tmp_path / "text.onnx"
    text.write_text("nothing")
    with pytest.raises(ValueError, match="cannot load the model"):
        load_network(text, "cpu")
    with pytest.raises(ValueError, match="has no model card"):
        load_network(write_network(tmp_path / "bare.onnx", card=False), "cpu")
    model = onnx.load(write_network(tmp_path / "named.onnx"))
    model.graph.output[0].name = model.graph.node[-1].output[0] = "result"
    onnx.save(model, tmp_path / "named.onnx")
    with pytest.raises(ValueError, match="expected image and enhanced"):
        load_network(tmp_path / "named.onnx", "cpu")


def test_weights_in_another_file(tmp_path):
    """The SHA-256 would be that of any network of this architecture, and onnxruntime finds them in its folder alone."""
    path = write_network(tmp_path / "network.onnx")
    parted = tmp_path / "parted.onnx"
    onnx.save(onnx.load(path), parted, save_as_external_data=True, location="parted.data", size_threshold=100)
    with pytest.raises(ValueError, match="has weights in another file: write all into one"):
        load_network(parted, "cpu")
    onnx.save(onnx.load(parted), parted)  # as the message says
    np.testing.assert_array_equal(
        load_network(parted, "cpu")(image_of((9, 9))), load_network(path, "cpu")(image_of((9, 9)))
    )


@pytest.mark.parametrize("change", ["size", "precision"])
def test_other_images_than_are_given(tmp_path, change):
    model = onnx.load(write_network(tmp_path / "network.onnx"))
    kind = model.graph.input[0].type.tensor_type
    if change == "size":
        kind.shape.dim[2].dim_value = kind.shape.dim[3].dim_value = 64
    else:
        kind.elem_type = TensorProto.FLOAT16
        model.graph.node.insert(0, onnx.helper.make_node("Cast", ["image"], ["single"], to=TensorProto.FLOAT))
        model.graph.node[1].input[0] = "single"
    onnx.save(model, tmp_path / "network.onnx")
    with pytest.raises(ValueError, match=r"has image of tensor\(float.*expected float32 of any size: export it again"):
        load_network(tmp_path / "network.onnx", "cpu")


def test_unknown_device(networks):
    with pytest.raises(ValueError, match="device is 'gpu', expected one of 'auto', 'cuda', 'cpu'"):
        load_network(networks["continuum"], "gpu")


def test_auto_without_cuda(networks, monkeypatch, capfd):
    monkeypatch.setattr(_network, "_LOADED", {})
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    network = load_network(networks["continuum"], "auto")
    assert network.device == "cpu"
    assert network.session.get_providers() == ["CPUExecutionProvider"]
    assert capfd.readouterr() == ("", "")
    with pytest.raises(RuntimeError, match="built without CUDA"):
        load_network(networks["continuum"], "cuda")


def test_output_is_put_back_whatever_the_threads(monkeypatch):
    first, second = threading.Event(), threading.Event()

    def preload():  # the one that came first leaves first
        if not first.is_set():
            first.set()
            second.wait(0.3)
        else:
            second.set()
            time.sleep(0.2)

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", preload, raising=False)
    monkeypatch.setattr(_session, "_loadable", lambda library: True)
    before = sys.stdout, sys.stderr
    threads = [threading.Thread(target=_session.cuda_obstacle) for _ in range(2)]
    for thread in threads:
        thread.start()
        first.wait()
    for thread in threads:
        thread.join()
    after = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = before
    assert after == before


@pytest.mark.parametrize("present", [[], ["libcuda.so.1", "nvcuda.dll"]])
def test_cuda_is_not_asked_for_without_its_libraries(networks, monkeypatch, capfd, present):
    def load(name):
        if name not in present:
            raise OSError(name)

    def noisy():
        print("Failed to load libcublas")
        warnings.warn("Failed to register a plugin", stacklevel=1)

    monkeypatch.setattr(_network, "_LOADED", {})
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", noisy, raising=False)
    monkeypatch.setattr(onnxruntime, "cuda_version", "13.0", raising=False)
    monkeypatch.setattr(_session.ctypes, "CDLL", load)
    assert load_network(networks["continuum"], "auto").device == "cpu"
    assert capfd.readouterr() == ("", "")
    with pytest.raises(RuntimeError, match=r"cublas\S* cannot be loaded" if present else "no NVIDIA driver"):
        load_network(networks["continuum"], "cuda")
    present += ["libcublas.so.13", "libcudnn.so.9", "cublas64_13.dll", "cudnn64_9.dll"]
    if len(present) > 4:
        assert _session.cuda_obstacle() == ""


def test_silent_fallback_to_the_cpu_is_noticed(networks, monkeypatch):
    real = onnxruntime.InferenceSession

    def falls_back(file, options, providers):
        return real(file, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(_network, "_LOADED", {})
    monkeypatch.setattr(_session, "cuda_obstacle", lambda: "")
    monkeypatch.setattr(onnxruntime, "InferenceSession", falls_back)
    assert load_network(networks["continuum"], "auto").device == "cpu"
    with pytest.raises(RuntimeError, match="fell back to the CPU"):
        load_network(networks["continuum"], "cuda")


def test_cuda_session_that_works_or_fails(networks, monkeypatch):
    real, asked = onnxruntime.InferenceSession, []

    def cuda(file, options, providers):
        asked.append(providers)
        session = real(file, options, providers=["CPUExecutionProvider"])
        return types.SimpleNamespace(
            get_providers=lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
            get_modelmeta=session.get_modelmeta,
            get_inputs=session.get_inputs,
            get_outputs=session.get_outputs,
            run=session.run,
            io_binding=session.io_binding,
            run_with_iobinding=session.run_with_iobinding,
        )

    def broken(file, options, providers):
        if len(providers) > 1:
            raise RuntimeError("CUDA out of memory")
        return real(file, options, providers=providers)

    monkeypatch.setattr(_session, "cuda_obstacle", lambda: "")
    monkeypatch.setattr(_network, "_LOADED", {})
    monkeypatch.setattr(onnxruntime, "InferenceSession", cuda)
    assert load_network(networks["continuum"], "auto").device == "cuda"
    assert asked[0][0][0] == "CUDAExecutionProvider"
    assert asked[1] == ["CPUExecutionProvider"]  # what the device gives is compared with it
    assert load_network(networks["continuum"], "cpu").device == "cpu"
    assert asked[2] == ["CPUExecutionProvider"]

    monkeypatch.setattr(_network, "_LOADED", {})
    monkeypatch.setattr(onnxruntime, "InferenceSession", broken)
    with pytest.raises(RuntimeError, match="CUDA out of memory"):
        load_network(networks["continuum"], "cuda")
    assert load_network(networks["continuum"], "auto").device == "cpu"


@pytest.mark.parametrize("name", ["continuum", "magnetogram"])
@pytest.mark.parametrize("fault", ["stale input", "few digits", "NaN", "an error"])
def test_a_device_that_gives_something_else_is_not_trusted(networks, monkeypatch, name, fault):
    real = onnxruntime.InferenceSession

    class Faulty:
        def __init__(self, session):
            self.session = session
            self.get_modelmeta, self.get_inputs, self.get_outputs = (
                session.get_modelmeta,
                session.get_inputs,
                session.get_outputs,
            )

        def get_providers(self):
            return ["CUDAExecutionProvider", "CPUExecutionProvider"]

        def io_binding(self):
            binding, inputs = self.session.io_binding(), {}

            def bind_cpu_input(name, array):
                if fault == "few digits":
                    array = (array.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)  # ten bits of them
                elif fault == "NaN":
                    array = np.full_like(array, np.nan)
                elif fault == "stale input":
                    array = inputs.setdefault(name, array.copy())
                inputs["last"] = array
                binding.bind_cpu_input(name, array)

            return types.SimpleNamespace(
                bind_cpu_input=bind_cpu_input,
                bind_output=binding.bind_output,
                synchronize_inputs=binding.synchronize_inputs,
                inner=binding,
            )

        def run_with_iobinding(self, binding):
            if fault == "an error":
                raise ValueError("CUDA failure 700")
            self.session.run_with_iobinding(binding.inner)

    def start(file, options, providers):
        session = real(file, options, providers=["CPUExecutionProvider"])
        return session if len(providers) == 1 else Faulty(session)

    monkeypatch.setattr(_network, "_LOADED", {})
    monkeypatch.setattr(_session, "cuda_obstacle", lambda: "")
    monkeypatch.setattr(onnxruntime, "InferenceSession", start)
    what = "onnxruntime says CUDA failure 700" if fault == "an error" else "something else than the CPU"
    with pytest.raises(RuntimeError, match=what):
        load_network(networks[name], "cuda")
    with pytest.warns(SunpyUserWarning, match=f"{what}.*runs on the CPU"):
        network = load_network(networks[name], "auto")
    assert network.device == "cpu"
    image = image_of((40, 50))
    np.testing.assert_array_equal(network(image), load_network(networks[name], "cpu")(image))


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["continuum", "magnetogram"])
def test_cuda_gives_what_the_cpu_gives(name):
    if obstacle := _session.cuda_obstacle():
        pytest.skip(f"no CUDA here: {obstacle}")
    smap = make_map(name, (200, 190))
    results = {device: enhance_map(smap, model=name, device=device) for device in ("cpu", "cuda")}
    assert results["cuda"].meta["enhdev"] == "cuda"
    tolerance = 0.1 if name == "magnetogram" else 1e-4 * np.median(smap.data)
    np.testing.assert_allclose(results["cuda"].data, results["cpu"].data, rtol=0, atol=tolerance)
