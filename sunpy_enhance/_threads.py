"""How many threads, and bands of rows side by side in them."""

import concurrent.futures
import os

__all__ = ["asked_threads", "bands", "each_band"]

# Rows that are handled at once: about a MiB for a full disk, which stays in the processor's cache.
BAND = 32


def asked_threads():
    """Return the number of threads that SUNPY_ENHANCE_THREADS asks for, None where it is not set.

    Raises
    ------
    ValueError
        Where it is no positive integer.
    """
    asked = os.environ.get("SUNPY_ENHANCE_THREADS", "").strip()
    if not asked:
        return None
    if not asked.isdecimal() or int(asked) < 1:
        msg = f"the environment variable SUNPY_ENHANCE_THREADS is {asked!r}, expected a positive integer"
        raise ValueError(msg)
    return int(asked)


def threads():
    """Return the number of threads to work with: those asked for, or one for each processor."""
    return asked_threads() or os.cpu_count() or 1


def bands(rows, height=BAND):
    """Yield (start, stop) of bands of at most `height` rows."""
    for start in range(0, rows, height):
        yield start, min(start + height, rows)


def each_band(function, rows, height=BAND):
    """Call ``function(start, stop)`` for each band of rows, several at once: NumPy releases the interpreter's lock."""
    if rows <= height or threads() == 1:
        for band in bands(rows, height):
            function(*band)
        return
    with concurrent.futures.ThreadPoolExecutor(threads()) as pool:
        for _ in pool.map(lambda band: function(*band), bands(rows, height)):
            pass  # a band's exception is raised here
