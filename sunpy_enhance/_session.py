"""Where a network runs: an onnxruntime session on CUDA or the CPU."""

import contextlib
import ctypes
import io
import sys
import threading
import warnings

from ._threads import asked_threads

__all__ = ["check_device", "cuda_obstacle", "start_session"]

DEVICES = ("auto", "cuda", "cpu")

# Two threads that redirect the output at once may put it back in the wrong order.
_QUIET = threading.Lock()


def check_device(device):
    """Raise ValueError unless it is one of "auto", "cuda" and "cpu"."""
    if device not in DEVICES:
        msg = f"device is {device!r}, expected one of {', '.join(map(repr, DEVICES))}"
        raise ValueError(msg)


def start_session(file, device, model):
    """Start an ONNX session.

    Parameters
    ----------
    file : bytes
        The ONNX file.
    device : {"auto", "cuda", "cpu"}
    model : str or os.PathLike
        What to call it in an error.

    Returns
    -------
    session : onnxruntime.InferenceSession
    device : {"cuda", "cpu"}
        Where it really runs.

    Raises
    ------
    ValueError
        Where the file cannot be loaded, or SUNPY_ENHANCE_THREADS is no positive integer.
    RuntimeError
        Where CUDA is asked for and does not work.
    """
    import onnxruntime

    from sunpy import log

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = asked_threads() or 0  # by default one for each physical core

    def start(*providers):
        return onnxruntime.InferenceSession(file, options, providers=[*providers, "CPUExecutionProvider"])

    obstacle = cuda_obstacle() if device != "cpu" else "not asked for"
    if not obstacle:
        try:
            # TF32 has ten bits of mantissa: too few for photometry.
            session = start(("CUDAExecutionProvider", {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}))
        except Exception as error:  # noqa: BLE001  onnxruntime has no common base class of its errors
            obstacle = f"onnxruntime says {str(error)[:200]}"
        else:
            if session.get_providers()[0] == "CUDAExecutionProvider":
                return session, "cuda"
            obstacle = "onnxruntime fell back to the CPU"
    if device == "cuda":
        msg = f"CUDA does not work here ({obstacle}): use device='cpu', or install sunpy_enhance[cuda] and a driver"
        raise RuntimeError(msg)
    if device == "auto":
        log.debug(f"sunpy_enhance: no CUDA ({obstacle})")
    try:
        return start(), "cpu"
    except Exception as error:
        msg = f"onnxruntime cannot load the model {model}: {str(error)[:200]}"
        raise ValueError(msg) from error


def cuda_obstacle():
    """Return why CUDA cannot work, or "". Asking onnxruntime for it in vain would print errors."""
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return "this onnxruntime is built without CUDA: install onnxruntime-gpu"
    windows = sys.platform == "win32"
    driver = "nvcuda.dll" if windows else "libcuda.so.1"
    if not _loadable(driver):
        return f"{driver} cannot be loaded: there is no NVIDIA driver"
    # preload_dlls (onnxruntime 1.21) loads the libraries that pip installed, and prints those that it does not find.
    with (
        _QUIET,
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(action="ignore"),
    ):
        getattr(onnxruntime, "preload_dlls", lambda: None)()
    major = str(getattr(onnxruntime, "cuda_version", "") or "").partition(".")[0]
    needed = [f"cublas64_{major}.dll", "cudnn64_9.dll"] if windows else [f"libcublas.so.{major}", "libcudnn.so.9"]
    return next((f"{name} cannot be loaded" for name in needed if major and not _loadable(name)), "")


def _loadable(library):
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
