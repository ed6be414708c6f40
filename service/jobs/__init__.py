"""Every side effect of the platform, on one page: what follows which event, and what the clock starts.

One file per kind of background work. A line here is all it takes to add one.
"""

from collections.abc import Mapping, Sequence

from service.jobs.housekeeping import delete_expired
from service.jobs.work import Daily, Handler, Tick

# What happened → what is done about it.
HANDLERS: Mapping[str, Sequence[Handler]] = {}

# What the clock starts. The name stays: it finds the row that says when it is next due.
SCHEDULE: Mapping[str, Tick] = {
    "housekeeping": Tick(Daily(hour=4), delete_expired),
}
