"""Values that several commands take."""

import argparse

__all__ = ["at_least_one"]


def at_least_one(text):
    """Return the whole number that an option is given, for `argparse`."""
    try:
        number = int(text)
    except ValueError:
        number = None
    if number is None or number < 1:
        msg = f"it is {text!r}, expected a whole number, 1 or more"
        raise argparse.ArgumentTypeError(msg)
    return number
