import socket
import stat
from pathlib import Path

from prokip_onebox.config import OneboxSettings
from prokip_onebox.keys import load_or_make_keys
from prokip_onebox.ports import first_taken
from prokip_onebox.programs import service_programs
from prokip_shared.settings import load_settings


def test_a_taken_port_is_told_with_its_variable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = first_taken("127.0.0.1", [("gateway_port", port)])
    assert line is not None
    assert line.startswith(f"GATEWAY_PORT: port {port} cannot be used")


def test_every_port_of_a_run_is_checked_before_it_starts() -> None:
    ports = OneboxSettings(sandbox_woocommerce_stores=3).ports()
    assert len(ports) == len({port for _variable, port in ports}) == 5 + 2 + 3
    assert len(OneboxSettings(sandbox=False).ports()) == 5


def test_keys_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    made = load_or_make_keys(file)
    assert load_or_make_keys(file) == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_without_the_sandbox_no_private_address_is_allowed(tmp_path: Path) -> None:
    settings = load_settings(OneboxSettings, {"SANDBOX": "0"})
    programs = service_programs(settings, load_or_make_keys(tmp_path / "keys.json"), "postgresql://localhost/x")
    assert [program.name for program in programs][-2:] == ["webhook-ingest", "gateway"]
    assert all("SHOPIFY_URL_TEMPLATE" not in program.environ for program in programs)
    assert all("ALLOWED_PRIVATE_HOSTS" not in program.environ for program in programs)
