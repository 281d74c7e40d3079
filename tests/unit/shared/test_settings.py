import base64

import pytest

from prokip_shared.settings import ServiceSettings, SettingsError, load_settings
from tests.support.settings import service_environ

GOOD = service_environ("postgresql://localhost/prokip", PORT="8002")
GOOD.pop("ALLOWED_PRIVATE_HOSTS")


def test_good_settings_load_and_hide_their_secrets() -> None:
    settings = load_settings(ServiceSettings, GOOD)
    assert settings.port == 8002
    assert len(settings.encryption_key.get_secret_value()) == 32
    assert GOOD["INTERNAL_SECRET"] not in repr(settings)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "mysql://localhost/prokip"),
        ("BROKER_URL", "http://localhost"),
        ("ENCRYPTION_KEY", "not base64!"),
        ("ENCRYPTION_KEY", base64.b64encode(b"short").decode()),
        ("INTERNAL_SECRET", "short"),
        ("PORT", "70000"),
        ("PORT", "abc"),
        ("DRAIN_TIMEOUT_S", "0"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_setting_is_told_in_one_line_that_names_the_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(ServiceSettings, GOOD | {variable: value})
    message = str(caught.value)
    assert message.startswith(f"{variable}: ")
    assert "\n" not in message
    assert not value or len(value) < 6 or value not in message


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load_settings(ServiceSettings, GOOD | {"LOG_LEVEL": ""}).log_level == "info"
