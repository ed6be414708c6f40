"""Purposes as persons read them."""

from service.domain.privacy.purposes import BASES, PURPOSES, Purpose
from service.domain.privacy.retention import RULES
from service.schemas.privacy import PurposeRead


def list_purposes(language: str) -> list[PurposeRead]:
    """Return every purpose in words of ``language`` (``fr`` or ``en``), those that ask a consent first."""
    return [_read(purpose, "en" if language == "en" else "fr") for purpose in PURPOSES.values()]


def kept_for(purpose: Purpose, language: str) -> list[str]:
    """Return how long data are kept for a purpose."""
    rules = [rule.words[language] for rule in RULES if rule.name in purpose.rules]
    return [*rules, *([purpose.kept[language]] if purpose.kept else [])]


def _read(purpose: Purpose, language: str) -> PurposeRead:
    return PurposeRead.model_validate(
        {
            "name": purpose.name,
            "title": purpose.title[language],
            "asks_consent": purpose.asks_consent,
            "basis": purpose.basis,
            "basis_label": BASES[purpose.basis][language],
            "text_version": purpose.text.version,
            "text": purpose.text.words[language],
            "language": language,
            "retention": kept_for(purpose, language),
        }
    )
