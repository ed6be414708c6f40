"""The audit trail: who did or read what, in chains of hashes that show an edit."""

from service.domain.audit.writing import note, read, read_by_territory

__all__ = ["note", "read", "read_by_territory"]
