"""Feeding an engine outside over the network, between the short transactions of `domain.feeding`."""

from service.jobs.feeding.outside import Outside, Refused, open_outside
from service.jobs.feeding.tending import Held, Tender, tend, verify

__all__ = ["Held", "Outside", "Refused", "Tender", "open_outside", "tend", "verify"]
