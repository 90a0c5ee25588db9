"""What runs on a CUDA device, on the CPU: only the device's name and the pinned memory are missing."""

import ctypes
import dataclasses
import threading
import types

import numpy as np
import onnxruntime
import pytest
from conftest import write_network

from sunpy_enhance import _cuda, _network, _session
from sunpy_enhance._network import apply_tiled, load_network


def image_of(shape, seed=0):
    return (1 + 0.1 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def as_cuda(network, **changes):
    """The same network, worked through as on CUDA."""
    return dataclasses.replace(network, device="cuda", **changes)


@pytest.mark.parametrize("name", ["continuum", "magnetogram", "own"])
@pytest.mark.parametrize("size", [32, 50, None])
def test_overlapped_is_plain(networks, name, size):
    network = load_network(networks[name], "cpu")
    image = image_of((131, 100))
    needed = np.hypot(*np.mgrid[-65:66, -50:50]) < 60
    plain, overlapped = (apply_tiled(one, image, size, needed=needed) for one in (network, as_cuda(network)))
    if size:
        np.testing.assert_array_equal(overlapped, plain)
    else:  # tiles of another size: rounding
        np.testing.assert_allclose(overlapped, plain, rtol=1e-6)


def test_a_device_sees_what_each_tile_holds(networks):
    """Binding copies the input to a device, where on the CPU it points to it."""
    network = load_network(networks["continuum"], "cpu")
    image = image_of((131, 100))
    far = Scarce(network.session, 1e9)
    result = apply_tiled(as_cuda(network, session=far), image, 32)
    np.testing.assert_array_equal(result, apply_tiled(network, image, 32))
    assert len(far.shapes) > 2 * _cuda.SLOTS


def test_progress_bar_and_many_tiles(networks, capsys):
    apply_tiled(as_cuda(load_network(networks["continuum"], "cpu")), image_of((96, 64)), 32, progress=True)
    assert "6/6" in capsys.readouterr().err


class Scarce:
    """A session on a device with memory for tiles of so many pixels; runs from several threads are counted."""

    def __init__(self, session, pixels):
        self.session, self.pixels = session, pixels
        self.shapes, self.threads = [], set()

    def io_binding(self):
        real, outer = self.session.io_binding(), self

        class Binding:
            def bind_cpu_input(self, name, array):
                self.shape = array.shape[2:]
                # As on a device: what is written to the array later is not seen.
                self.copy = array.copy()
                real.bind_cpu_input(name, self.copy)

            bind_output = staticmethod(real.bind_output)
            synchronize_inputs = staticmethod(real.synchronize_inputs)
            inner = real

        assert outer is self
        return Binding()

    def run_with_iobinding(self, binding):
        self._check(binding.shape)
        self.session.run_with_iobinding(binding.inner)

    def run(self, names, feeds):
        self._check(feeds["image"].shape[2:])
        return self.session.run(names, feeds)

    def _check(self, shape):
        self.shapes.append(shape)
        self.threads.add(threading.get_ident())
        if np.prod(shape) > self.pixels:
            msg = (
                "Non-zero status code returned while running Conv node. BFCArena::AllocateRawInternal Available memory"
            )
            raise onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException(
                f"{msg} of 1024 is smaller than requested bytes of 4096"
            )


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_out_of_memory_halves_the_tile_and_goes_on(networks, device):
    network = load_network(networks["continuum"], "cpu")
    scarce = Scarce(network.session, 45**2)
    image = image_of((128, 160))
    result = apply_tiled(dataclasses.replace(network, device=device, session=scarce), image, 160)
    np.testing.assert_allclose(result, apply_tiled(network, image), rtol=1e-6)
    assert max(np.prod(shape) for shape in scarce.shapes) > 45**2
    assert scarce.shapes[-1] == (36, 44)


def test_what_is_done_is_kept(networks):
    network = load_network(networks["continuum"], "cpu")
    scarce = Scarce(network.session, 1e9)
    real_check, calls = scarce._check, []

    def fails_once(shape):
        calls.append(shape)
        real_check(shape)
        if len(calls) == 3:
            raise RuntimeError("CUDA failure 2: out of memory")

    scarce._check = fails_once
    image = image_of((128, 128))
    result = apply_tiled(dataclasses.replace(network, session=scarce), image, 64)
    np.testing.assert_allclose(result, apply_tiled(network, image), rtol=1e-6)
    # Two of four tiles were done, and the lower half is left, in tiles of 32 pixels.
    assert calls == [(68, 68)] * 3 + [(36, 36)] * 8


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_memory_for_nothing(networks, device):
    network = load_network(networks["continuum"], "cpu")
    scarce = Scarce(network.session, 10)
    with pytest.raises(Exception, match="smaller than requested"):
        apply_tiled(dataclasses.replace(network, device=device, session=scarce), image_of((64, 64)))


def test_other_errors_are_raised(networks, tmp_path):
    network = load_network(write_network(tmp_path / "halo.onnx", halo=3), "cpu")
    # onnxruntime says that the shapes do not agree.
    with pytest.raises(RuntimeError, match="shape"):
        apply_tiled(as_cuda(network), image_of((40, 40)))


def test_tiles_at_work_at_once(networks):
    network = load_network(networks["continuum"], "cpu")
    together = threading.Barrier(_cuda.SLOTS, timeout=20)
    scarce = Scarce(network.session, 1e9)
    scarce._check = lambda shape: together.wait()
    apply_tiled(as_cuda(network, session=scarce), image_of((64, 128)), 32)


@pytest.mark.parametrize(("free", "size"), [(None, 1024), (80e9, 1024), (8e9, 672), (1e9, 224), (1e6, 128)])
def test_tile_size_from_free_memory(free, size):
    assert _cuda.tile_size_for(None if free is None else int(free)) == size


def test_free_memory(networks, monkeypatch):
    def answer(free, total):
        free._obj.value, total._obj.value = 3 * 10**9, 4 * 10**9
        return 0

    monkeypatch.setattr(_cuda, "_runtime", lambda: None)
    assert _cuda.free_memory() is None
    monkeypatch.setattr(_cuda, "_runtime", lambda: types.SimpleNamespace(cudaMemGetInfo=answer))
    assert _cuda.free_memory() == 3 * 10**9
    assert _network.default_tile_size(as_cuda(load_network(networks["continuum"], "cpu"))) == 416
    monkeypatch.setattr(_cuda, "_runtime", lambda: types.SimpleNamespace(cudaMemGetInfo=lambda *_: 35))
    assert _cuda.free_memory() is None


def test_buffers_are_pinned_and_let_go(networks, monkeypatch):
    pinned = {}

    def register(pointer, size, flags):
        pinned[pointer.value] = size.value
        return 0

    def unregister(pointer):
        del pinned[pointer.value]
        return 0

    runtime = types.SimpleNamespace(cudaHostRegister=register, cudaHostUnregister=unregister)
    monkeypatch.setattr(_cuda, "_runtime", lambda: runtime)
    network = load_network(networks["continuum"], "cpu")
    scarce = Scarce(network.session, 1e9)
    seen = []
    scarce._check = lambda shape: seen.append(sum(pinned.values()))
    apply_tiled(as_cuda(network, session=scarce), image_of((64, 96)), 32)
    assert max(seen) == _cuda.SLOTS * 4 * (36**2 + 64**2)
    assert not pinned


def test_signs_of_a_lack_of_memory():
    assert _cuda.is_out_of_memory(RuntimeError("CUDA failure 2: out of memory ; GPU=0"))
    assert _cuda.is_out_of_memory(RuntimeError("CUDNN failure 4: CUDNN_STATUS_ALLOC_FAILED"))
    assert _cuda.is_out_of_memory(RuntimeError("Failed to allocate memory for requested buffer of size 1"))
    assert not _cuda.is_out_of_memory(ValueError("the network gives another shape"))


@pytest.mark.gpu
def test_on_a_device():
    if obstacle := _session.cuda_obstacle():
        pytest.skip(f"no CUDA here: {obstacle}")
    assert _cuda.free_memory() > 0
    array = np.zeros(4096, dtype=np.float32)
    assert _cuda._pin(array)
    assert _cuda._runtime().cudaHostUnregister(ctypes.c_void_p(array.ctypes.data)) == 0
    image = image_of((700, 900))
    for name in ("continuum", "continuum-linear"):
        cuda, cpu = (apply_tiled(load_network(name, device), image, 256) for device in ("cuda", "cpu"))
        np.testing.assert_allclose(cuda, cpu, rtol=0, atol=1e-4)
    image = 1000 * (image - 1)
    cuda, cpu = (apply_tiled(load_network("magnetogram", device), image, 256) for device in ("cuda", "cpu"))
    np.testing.assert_allclose(cuda, cpu, rtol=0, atol=0.1)
