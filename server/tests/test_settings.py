"""What an operator can set."""

from __future__ import annotations

from pathlib import Path

import pytest
from instep_server.errors import SettingError
from instep_server.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_nothing_set_is_the_local_case() -> None:
    assert Settings.from_environment({}) == Settings()


def test_a_shorter_lease_has_more_heartbeats() -> None:
    settings = Settings.from_environment({"INSTEP_LEASE_SECONDS": "3"})
    assert (settings.lease_ms, settings.heartbeat_ms) == (3_000, 500)


def test_all_can_be_set() -> None:
    given = {
        "INSTEP_LEASE_SECONDS": "60",
        "INSTEP_HEARTBEAT_SECONDS": "20",
        "INSTEP_ORPHAN_SECONDS": "600",
        "INSTEP_CALL_SECONDS": "0.5",
        "INSTEP_ADVERTISED_ENDPOINT": "dns:///proxy.example:443",
    }
    assert Settings.from_environment(given) == Settings(
        lease_ms=60_000,
        heartbeat_ms=20_000,
        orphan_ms=600_000,
        call_ms=500,
        endpoint="dns:///proxy.example:443",
    )
    assert all(f"`{name}`" in PAGE.read_text() for name in given)


@pytest.mark.parametrize("text", ["soon", "nan", "inf", "0", "-3", "100000", "3 s"])
def test_a_time_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(SettingError, match=r"INSTEP_LEASE_SECONDS is .*\. It must be a number of seconds"):
        Settings.from_environment({"INSTEP_LEASE_SECONDS": text})


def test_a_lease_needs_two_heartbeats() -> None:
    with pytest.raises(SettingError, match="one late heartbeat would lose the task"):
        Settings.from_environment({"INSTEP_LEASE_SECONDS": "3", "INSTEP_HEARTBEAT_SECONDS": "2"})


@pytest.mark.parametrize("text", ["localhost:80", "unix:relative", "unix:/a b"])
def test_an_endpoint_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="It must be a gRPC target"):
        Settings.from_environment({"INSTEP_ADVERTISED_ENDPOINT": text})
