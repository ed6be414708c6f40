"""What every test can use. Fixtures live in ``tests/fixtures/``, by subject."""

pytest_plugins = ["tests.fixtures.properties", "tests.fixtures.servers", "tests.fixtures.application"]
