"""Imports: a feed's items made postings, what it no longer lists withdrawn, all of it accounted for."""

from service.domain.imports.grouping import is_grouped, regroup
from service.domain.imports.recognition import Choice, choose_feed
from service.domain.imports.references import require_communes
from service.domain.imports.reports import Provenance, get_report, list_reports
from service.domain.imports.running import import_items, importer, record_failure

__all__ = [
    "Choice",
    "Provenance",
    "choose_feed",
    "get_report",
    "import_items",
    "importer",
    "is_grouped",
    "list_reports",
    "record_failure",
    "regroup",
    "require_communes",
]
