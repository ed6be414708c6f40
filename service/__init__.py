"""Ancrage: the open platform for territorial hospitality (attirer, accueillir, ancrer)."""

__version__ = "0.1.0"
