"""What Prometheus may ask: one place for every counter, gauge and histogram, and the text of a scrape."""

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

TASKS = Counter(
    "ancrage_tasks",
    "Runs of background tasks that ended, by handler and outcome (done, failed, dead, lost, released).",
    ["handler", "outcome"],
)
TASK_SECONDS = Histogram(
    "ancrage_task_duration_seconds",
    "How long a run of a background task took.",
    ["handler"],
    buckets=(0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300, 1800),
)
TASK_LAG_SECONDS = Histogram(
    "ancrage_task_lag_seconds",
    "From the moment a task was due (its event, or the end of its wait) to its start.",
    buckets=(0.005, 0.01, 0.03, 0.1, 0.5, 2, 10, 60, 600),
)
TASKS_RECLAIMED = Counter(
    "ancrage_tasks_reclaimed", "Tasks taken back from workers that died or stalled.", ["outcome"]
)
EVENTS_FANNED_OUT = Counter("ancrage_events_fanned_out", "Events turned into tasks by this process.")
QUEUE_DEPTH = Gauge(
    "ancrage_queue_depth", "Tasks ready, running and dead, and events pending, at the scrape.", ["state"]
)
WORKER_RUNNING = Gauge("ancrage_worker_running_tasks", "Tasks running in this process.")
WORKER_LAST_TURN = Gauge(
    "ancrage_worker_last_turn_timestamp_seconds",
    "When the worker in this process last reached the database and looked for work.",
)
FEED_IMPORTS = Counter(
    "ancrage_feed_imports",
    "Imports of feeds that ended, by source and state (done, partial, failed).",
    ["source", "state"],
)
FEED_ITEMS = Counter(
    "ancrage_feed_items",
    "Items of feeds, by what became of them (imported, updated, unchanged, relisted, held, rejected), "
    "and postings withdrawn.",
    ["source", "outcome"],
)
SEARCHES = Counter(
    "ancrage_searches",
    "Searches answered while an engine outside PostgreSQL is in use, by the engine that answered and why it "
    "did: asked, confirmed (that one); continued, not_ready, resting, unavailable, empty (PostgreSQL).",
    ["engine", "why"],
)
SEARCH_BREAKER = Gauge(
    "ancrage_search_breaker",
    "Whether this process asks the engine outside: 0 yes, 1 not for now, 2 one search finds out.",
)
AUDIT_BREAKS = Gauge(
    "ancrage_audit_breaks",
    "Entries changed, removed, added or moved in the audit trail, at its last reading by this process.",
)


def render() -> tuple[bytes, str]:
    """Return the text of a scrape and its content type."""
    return generate_latest(), CONTENT_TYPE_LATEST
