"""The settings every service takes, with keys made for tests."""

from typing import Final

ENCRYPTION_KEY: Final = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
INTERNAL_SECRET: Final = "internal-secret-for-tests-0123456789"
PATIENT_INGEST: Final = {"PUBLISH_TIMEOUT_S": "1.5", "SPOOL_TIMEOUT_S": "2", "ANSWER_TIMEOUT_S": "4.5"}
"""A busy test machine is no outage: what WooCommerce is refused it never sends again. Stores give up after 5 s."""


def service_environ(database_url: str, broker_url: str = "postgres", **more: str) -> dict[str, str]:
    """Environment variables for one service on a free port; further ones by upper-case keyword."""
    return {
        "DATABASE_URL": database_url,
        "BROKER_URL": broker_url,
        "ENCRYPTION_KEY": ENCRYPTION_KEY,
        "INTERNAL_SECRET": INTERNAL_SECRET,
        "PORT": "0",
        "ALLOWED_PRIVATE_HOSTS": "127.0.0.1",
        **more,
    }


JWT_SECRET: Final = "jwt-secret-for-tests-0123456789-abcdef"
