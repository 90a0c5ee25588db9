"""Optional dependencies: what to install where one is missing."""

import contextlib

__all__ = ["telling_the_extra"]


@contextlib.contextmanager
def telling_the_extra(extra):
    """Say which extra of the package has what is imported within, where it is not installed."""
    try:
        yield
    except ImportError as error:
        msg = f"{error.name} is not installed: pip install 'sunpy_enhance[{extra}]'"
        raise ImportError(msg) from error
