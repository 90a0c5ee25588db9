"""Tiles on a CUDA device: bound, pinned buffers, and transfers beside the computation.

Nothing in here needs CUDA but the pinning and the question for free memory, which do without where there is none: the
tests run all of it on the CPU.
"""

import concurrent.futures
import ctypes
import math
import queue
import sys

import numpy as np

__all__ = ["free_memory", "is_out_of_memory", "run_overlapped", "tile_size_for"]

# Pixels along a side of what a tile writes: enough work for any device, and enough tiles of a full disk to overlap.
LARGEST, SMALLEST = 1024, 128

# Device memory for a pixel of a tile: sixteen float32 images of 64 channels, twice what the paper's network needs.
BYTES_PER_PIXEL = 4096

# Tiles at work at once: one is computed while another is copied.
SLOTS = 2

# cudaErrorHostMemoryAlreadyRegistered is the only other answer of cudaHostRegister that does no harm.
_SUCCESS = 0


def tile_size_for(free):
    """Return the pixels along a side of the tiles for so many bytes of free memory, None if that is unknown."""
    if free is None:
        return LARGEST
    # Half of it: the network itself, the libraries' workspaces and other processes need memory, too.
    side = math.isqrt(free // (2 * SLOTS * BYTES_PER_PIXEL))
    return min(max(side // 32 * 32, SMALLEST), LARGEST)


def free_memory():
    """Return the free bytes of the current CUDA device, None where they cannot be told."""
    runtime = _runtime()
    if runtime is None:
        return None
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    if runtime.cudaMemGetInfo(ctypes.byref(free), ctypes.byref(total)) != _SUCCESS:
        return None
    return free.value


def is_out_of_memory(error):
    """Tell whether onnxruntime's error is a lack of memory: it has no class of its own for that."""
    text = str(error).lower()
    signs = ("out of memory", "failed to allocate memory", "alloc_failed", "bad_alloc", "smaller than requested bytes")
    return any(sign in text for sign in signs)


def run_overlapped(network, image, tiles, outputs, write):
    """Run a network over tiles of one shape, several at once.

    While one tile is computed, another is copied: each has its own thread, stream and pinned buffers.

    Parameters
    ----------
    network : sunpy_enhance._network.Network
    image : numpy.ndarray
        float32, what the tiles read from.
    tiles : iterable of sunpy_enhance._tiling.Tile
    outputs : list of str
    write : callable
        ``write(tile, results)``, called in any order and from several threads with the arrays of one tile, which are
        overwritten afterwards.
    """
    idle = queue.SimpleQueue()
    slots = []

    def run(tile):
        slot = idle.get()
        try:
            write(tile, slot.run(image[tile.read]))
        finally:
            idle.put(slot)

    with concurrent.futures.ThreadPoolExecutor(SLOTS) as pool:
        futures = []
        try:
            for tile in tiles:
                if len(slots) < SLOTS:
                    slots.append(_Slot(network, image[tile.read].shape, outputs))
                    idle.put(slots[-1])
                futures.append(pool.submit(run, tile))
                # Not all at once: after an error nothing more is to be done, and the progress bar tells the truth.
                if len(futures) > SLOTS:
                    futures.pop(0).result()
            for future in futures:
                future.result()
        finally:
            pool.shutdown(cancel_futures=True)
            for slot in slots:
                slot.close()


class _Slot:
    """The buffers of one tile in host memory, bound to a session."""

    def __init__(self, network, shape, outputs):
        card = network.card
        around = card.halo if card.border == "pad" else 0
        enlarged = tuple(card.scale * (length - 2 * around) for length in shape)
        self.session = network.session_for(outputs)
        self.image = np.empty((1, 1, *shape), dtype=np.float32)
        self.results = [np.empty((1, 1, *enlarged), dtype=np.float32) for _ in outputs]
        self.pinned = [array for array in (self.image, *self.results) if _pin(array)]
        # Buffers in host memory: onnxruntime copies the results to them within the run, on its stream.
        self.binding = self.session.io_binding()
        for name, array in zip(outputs, self.results, strict=True):
            self.binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)

    def run(self, image):
        np.copyto(self.image[0, 0], image)
        # It is bound anew for each run, as binding is what copies to a device: a run takes what was there when it was
        # bound (onnxruntime's issue 5857).
        self.binding.bind_cpu_input("image", self.image)
        self.binding.synchronize_inputs()
        self.session.run_with_iobinding(self.binding)
        return [array[0, 0] for array in self.results]

    def close(self):
        for array in self.pinned:
            _runtime().cudaHostUnregister(ctypes.c_void_p(array.ctypes.data))
        self.pinned = []


def _pin(array):
    """Lock an array's memory, so that the device copies it by itself; tell whether that worked."""
    runtime = _runtime()
    if runtime is None:
        return False
    return runtime.cudaHostRegister(ctypes.c_void_p(array.ctypes.data), ctypes.c_size_t(array.nbytes), 0) == _SUCCESS


def _runtime():
    """Return the CUDA runtime library that onnxruntime uses, None where there is none."""
    import onnxruntime

    major = str(getattr(onnxruntime, "cuda_version", "") or "").partition(".")[0]
    try:
        return ctypes.CDLL(f"cudart64_{major}.dll" if sys.platform == "win32" else f"libcudart.so.{major}")
    except OSError:
        return None
