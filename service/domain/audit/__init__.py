"""The audit trail: who did or read what, in chains of hashes that show an edit."""

from service.domain.audit.reading import Position, Wanted, list_entries
from service.domain.audit.verification import list_chains, list_heads, verify
from service.domain.audit.writing import note, read, read_by_territory

__all__ = [
    "Position",
    "Wanted",
    "list_chains",
    "list_entries",
    "list_heads",
    "note",
    "read",
    "read_by_territory",
    "verify",
]
