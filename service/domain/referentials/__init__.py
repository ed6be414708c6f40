"""Public referentials: importing their releases, reading them, and what they say of a posting."""

from service.domain.referentials.importing import (
    import_communes,
    import_families,
    import_rome,
    import_tension,
)
from service.domain.referentials.tension import commune_of, tension_for

__all__ = [
    "commune_of",
    "import_communes",
    "import_families",
    "import_rome",
    "import_tension",
    "tension_for",
]
