"""Every side effect of the platform, on one page: what follows which event, and what the clock starts.

One file per kind of background work. A line here is all it takes to add one.
"""

from collections.abc import Mapping, Sequence

from service.jobs.audit import verify_audit
from service.jobs.feeds import fetch_feed, regroup_posting, start_due_feeds
from service.jobs.housekeeping import delete_expired
from service.jobs.mail import send_mail
from service.jobs.matching import match_candidate, match_everything, match_posting, match_territory
from service.jobs.postings import expire_postings, follow_employer, measure_tensions, refresh_coverage
from service.jobs.privacy import (
    apply_retention,
    keep_ledger,
    remind_of_requests,
    review_consents,
    stop_processing,
    sweep_files,
)
from service.jobs.search import feed_search, maintain_search, patrol_search, verify_search
from service.jobs.sign_in import forget_sign_ins
from service.jobs.work import Daily, Every, Handler, Tick

# What happened → what is done about it.
HANDLERS: Mapping[str, Sequence[Handler]] = {
    "address.erased": (keep_ledger, sweep_files),
    "candidate.changed": (match_candidate,),
    "candidate.created": (match_candidate,),
    "candidate.deleted": (match_candidate, keep_ledger),
    "consent.withdrawn": (stop_processing, keep_ledger),
    "employer.updated": (follow_employer,),
    "feed.due": (fetch_feed,),
    "feed.import_requested": (fetch_feed,),
    "mail.requested": (send_mail,),
    "person.erased": (keep_ledger, sweep_files),
    "person.updated": (review_consents,),
    "posting.changed": (regroup_posting, match_posting),
    "posting.expired": (regroup_posting, match_posting),
    "posting.filled": (regroup_posting, match_posting),
    "posting.paused": (regroup_posting, match_posting),
    "posting.published": (regroup_posting, match_posting),
    "posting.withdrawn": (regroup_posting, match_posting),
    "referential.imported": (measure_tensions, refresh_coverage, match_everything),
    "search.outdated": (feed_search,),
    "territory.updated": (match_territory,),
}

# What the clock starts. The name stays: it finds the row that says when it is next due.
SCHEDULE: Mapping[str, Tick] = {
    "audit": Tick(Daily(hour=1), verify_audit),
    "expiry": Tick(Every(60), expire_postings),
    "feeds": Tick(Every(60), start_due_feeds),
    "housekeeping": Tick(Daily(hour=4), delete_expired),
    "privacy requests": Tick(Daily(hour=8), remind_of_requests),
    # Often enough that what is due goes within the day, on the longest of days too.
    "retention": Tick(Every(6 * 3600), apply_retention),
    "search": Tick(Daily(hour=2), maintain_search),
    "search feed": Tick(Every(30), patrol_search),
    "search verify": Tick(Daily(hour=3), verify_search),
    "sign-ins": Tick(Every(6 * 3600), forget_sign_ins),
    "matching": Tick(Daily(hour=0, minute=10), match_everything),
}
