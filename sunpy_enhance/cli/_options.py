"""Values that several commands take."""

import argparse

__all__ = ["at_least_one", "quantity", "refuse_folder", "time"]


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


def quantity(text):
    """Return the number with its unit that an option is given, for `argparse`."""
    from astropy.units import Quantity

    try:
        return Quantity(text)
    except (TypeError, ValueError) as error:
        msg = f"it is {text!r}, expected a number and its unit, such as '6.3 G'"
        raise argparse.ArgumentTypeError(msg) from error


def refuse_folder(option, path):
    """Raise where an option has a folder that should have a file."""
    if path.is_dir():
        msg = f"{option} is the folder {path}, expected the name of a file: give one in it"
        raise IsADirectoryError(msg)


def time(text):
    """Return the time that an option is given, for `argparse`."""
    from sunpy.time import parse_time

    try:
        return parse_time(text)
    except ValueError as error:
        msg = f"it is {text!r}, expected a time (UTC), such as 2024-05-01T00:00"
        raise argparse.ArgumentTypeError(msg) from error
