"""The export as a page to read: no script, nothing from elsewhere, printable."""

import base64
import hashlib
import re
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from service.schemas.privacy import ExportRead

_TEMPLATES: Final = Path(__file__).parent / "templates"
_STYLE: Final = (_TEMPLATES / "export.css").read_text(encoding="utf-8")
POLICY: Final = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy that lets a browser show the page, and the page do nothing."""

_WORDS: Final = {
    "fr": {
        "title": "Mes données",
        "made": "Établi le",
        "yes": "oui",
        "no": "non",
        "nothing": "rien",
        "not_shown": "Gardés sans être montrés :",
        "empty": "Où rien n'est gardé de vous",
        "purposes": "À quoi servent les données",
    },
    "en": {
        "title": "My data",
        "made": "Made on",
        "yes": "yes",
        "no": "no",
        "nothing": "nothing",
        "not_shown": "Kept without being shown:",
        "empty": "Where nothing is kept about you",
        "purposes": "What data serve",
    },
}
_ZONE: Final = ZoneInfo("Europe/Paris")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_environment: Final = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)


def render(export: ExportRead) -> str:
    """Return the export as one HTML document, in its own language."""
    return _environment.get_template("export.html").render(
        export=export,
        style=_STYLE,
        words=_WORDS[export.language],
        empty=sorted(
            {section.title for section in export.sections if not section.rows}
            - {section.title for section in export.sections if section.rows}
        ),
        moment=lambda text: _moment(text, export.language),
    )


def _moment(text: str, language: str) -> str:
    """Return a moment as people write it in France, anything else as it is."""
    if not _MOMENT.fullmatch(text):
        return text
    local = datetime.fromisoformat(text).astimezone(_ZONE)
    return local.strftime("%d/%m/%Y à %H:%M:%S" if language == "fr" else "%d/%m/%Y at %H:%M:%S")
