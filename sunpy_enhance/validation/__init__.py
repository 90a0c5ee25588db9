"""Whether to believe a result: against the data, against truth, against a larger telescope.

`check` puts the telescope back in front of an enhanced Map and compares with what HMI saw; `compare` holds it against
Hinode; `benchmark` measures a method where the truth is known, beside the references `bicubic` and the linear filter.
"""

from .benchmarking import Benchmark, benchmark
from .consistency import Check, check
from .hinode import Comparison, compare
from .references import bicubic

__all__ = ["Benchmark", "Check", "Comparison", "benchmark", "bicubic", "check", "compare"]
