"""Fixtures that every tier shares; each comes from one module in tests/support."""

pytest_plugins = ["tests.support.postgres", "tests.support.rabbitmq"]
