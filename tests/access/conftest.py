"""The matrix asks more in a second than anybody may in an hour."""

import pytest

from service.core.settings import Settings


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings without limits: who may is what is asked here, not how often."""
    return settings.model_copy(update={"rate_limits": False, "lockout_failures": 0})
