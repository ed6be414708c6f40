"""Search inside PostgreSQL, without any extension: one GIN index of stems made in Python.

- Writing (:mod:`.writing`): the stems of a posting, and the words they come from.
- Reading (:mod:`.reading`): what a text asks for, given the words the index holds (:mod:`.vocabulary`).
- Asking (:mod:`.statements`): one statement counts and returns the page.
"""

from service.search.postgresql.engine import PostgresqlEngine

__all__ = ["PostgresqlEngine"]
