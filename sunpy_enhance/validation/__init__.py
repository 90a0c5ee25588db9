"""Whether to believe a result: against the data, against truth, against a larger telescope."""

from .consistency import Check, check
from .references import bicubic

__all__ = ["Check", "bicubic", "check"]
