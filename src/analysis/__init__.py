"""virality: where attention came from, whether it was real, when it stops, what it will reach."""

__version__ = "0.1.0"
