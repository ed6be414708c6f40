"""The leak tests ask more in a second than anybody may in an hour."""

import pytest

from service.core.settings import Settings


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings without limits: whose rows are seen is what is asked here."""
    return settings.model_copy(update={"rate_limits": False, "lockout_failures": 0})
