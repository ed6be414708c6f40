"""Ancrage: the open platform for territorial hospitality (attirer, accueillir, ancrer)."""
