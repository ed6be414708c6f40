"""The register of processing (GDPR art. 30), made from what the code says of itself."""

from typing import Any

from sqlalchemy import Column

from service.domain.privacy import words
from service.domain.privacy.purposes import BASES, PURPOSES, Purpose
from service.domain.privacy.reading import kept_for
from service.models.base import Base
from service.models.personal import category_of, personal_columns


def register(language: str) -> dict[str, Any]:
    """Return the register as data: every processing with its persons, data, recipients and retention."""
    return {
        "language": language,
        "controller": words.say(words.REGISTER, "controller", language),
        "security": words.say(words.REGISTER, "measures", language),
        "processings": [_processing(purpose, language) for purpose in PURPOSES.values()],
    }


def _processing(purpose: Purpose, language: str) -> dict[str, Any]:
    return {
        "name": purpose.name,
        "title": purpose.title[language],
        "basis": BASES[purpose.basis][language],
        "text_version": purpose.text.version,
        "text": purpose.text.words[language],
        "subjects": purpose.subjects[language],
        "recipients": purpose.recipients[language],
        "data": [
            {
                "table": table,
                "column": column.name,
                "label": words.say(words.COLUMNS, column.name, language),
                "category": category_of(column),
                "category_label": words.say(words.CATEGORIES, category_of(column) or "", language),
            }
            for table, column in columns_of(purpose)
        ],
        "retention": kept_for(purpose, language),
    }


def columns_of(purpose: Purpose) -> list[tuple[str, Column[Any]]]:
    """Return the personal columns that serve a purpose, with their tables' names."""
    found: list[tuple[str, Column[Any]]] = []
    for place in purpose.tables:
        table, _, only = place.partition(".")
        found += [
            (table, column)
            for column in personal_columns(Base.metadata.tables[table])
            if only in {"", column.name}
        ]
    return found


def markdown(language: str) -> str:
    """Return the register as a Markdown document."""
    found = register(language)

    def title(name: str) -> str:
        return words.say(words.REGISTER, name, language)

    lines = [f"# {title('register')}", "", found["controller"]]
    for number, each in enumerate(found["processings"], 1):
        lines += [
            "",
            f"## {number}. {each['title']} (`{each['name']}`)",
            "",
            f"- **{title('basis')}**: {each['basis']}",
            f"- **{title('subjects')}**: {each['subjects']}",
            f"- **{title('recipients')}**: {each['recipients']}",
            f"- **{title('transfers')}**: {title('none')}",
            f"- **{title('text')}** ({title('version')} {each['text_version']}): {each['text']}",
            f"- **{title('retention')}**:",
            *(f"  - {line}" for line in each["retention"]),
            f"- **{title('data')}**:" + ("" if each["data"] else f" {title('nothing')}"),
            *_data(each["data"]),
        ]
    return "\n".join([*lines, "", f"## {title('security')}", "", found["security"], ""])


def _data(columns: list[dict[str, Any]]) -> list[str]:
    """Return a line for each table and kind of data."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for column in columns:
        about = column["table"], column["category_label"]
        grouped.setdefault(about, []).append(f"{column['label']} (`{column['column']}`)")
    return [f"  - `{table}`, {kind}: {', '.join(names)}" for (table, kind), names in grouped.items()]
