"""Every side effect of the platform, on one page: what follows which event, and what the clock starts.

One file per kind of background work. A line here is all it takes to add one.
"""

from collections.abc import Mapping, Sequence

from service.jobs.housekeeping import delete_expired
from service.jobs.postings import expire_postings, follow_employer, measure_tensions, refresh_coverage
from service.jobs.work import Daily, Every, Handler, Tick

# What happened → what is done about it.
HANDLERS: Mapping[str, Sequence[Handler]] = {
    "employer.updated": (follow_employer,),
    "referential.imported": (measure_tensions, refresh_coverage),
}

# What the clock starts. The name stays: it finds the row that says when it is next due.
SCHEDULE: Mapping[str, Tick] = {
    "expiry": Tick(Every(60), expire_postings),
    "housekeeping": Tick(Daily(hour=4), delete_expired),
}
