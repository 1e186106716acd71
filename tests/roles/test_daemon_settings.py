"""The role merges its settings into an existing daemon.json, and removes them on reset."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

OURS: dict[str, Any] = {
    "live-restore": False,
    "log-driver": "json-file",
    "log-opts": {"max-file": "3", "max-size": "10m"},
    "no-new-privileges": True,
}
THEIRS = {
    "data-root": "/mnt/ssd/docker",
    "dns": ["192.0.2.53"],
    "live-restore": True,
    "log-opts": {"max-size": "1g", "tag": "{{.Name}}"},
}

# Some keys are the role's, with and without its values.
VALUES = st.one_of(
    st.booleans(), st.sampled_from(["json-file", "journald", "/mnt"]), st.lists(st.integers(), max_size=2)
)
SETTINGS = st.dictionaries(
    st.sampled_from([*OURS, "data-root", "dns"]),
    VALUES | st.dictionaries(st.sampled_from(["max-size", "tag", "x"]), st.sampled_from(["10m", "1g"]), max_size=2),
    max_size=5,
)


def write(daemon: ModuleType, text: str, record: dict[str, Any], ours: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return daemon.json and the record as written by the role."""
    noted = json.loads(daemon.daemon_record(text, ours, record, "docker-ce 28.0"))
    return daemon.daemon_merged(text, ours, record), noted


def test_the_settings_of_the_user_are_kept_and_the_role_s_win(daemon: ModuleType) -> None:
    merged, record = write(daemon, json.dumps(THEIRS), {}, OURS)

    assert json.loads(merged) == THEIRS | OURS | {"log-opts": {"max-file": "3", "max-size": "10m", "tag": "{{.Name}}"}}
    assert record["engine"] == "docker-ce 28.0"


@pytest.mark.parametrize("text", ["", json.dumps(THEIRS), "{}\n", '{ "dns":\n["192.0.2.53"] }'])
def test_a_reset_restores_the_file_to_the_byte(daemon: ModuleType, text: str) -> None:
    merged, record = write(daemon, text, {}, OURS)

    assert daemon.daemon_restored(merged, record) == text


def test_later_user_changes_survive(daemon: ModuleType) -> None:
    merged, record = write(daemon, json.dumps(THEIRS), {}, OURS)
    edited = json.dumps(json.loads(merged) | {"mtu": 1400, "no-new-privileges": False, "data-root": "/mnt/new"})

    assert json.loads(daemon.daemon_merged(edited, OURS, record))["mtu"] == 1400
    assert json.loads(daemon.daemon_restored(edited, record)) == THEIRS | {
        "data-root": "/mnt/new",
        "mtu": 1400,
        "no-new-privileges": False,
    }


def test_obsolete_setting_is_removed(daemon: ModuleType) -> None:
    merged, record = write(daemon, json.dumps(THEIRS), {}, OURS | {"mtu": 1400, "data-root": "/mnt/fast"})
    merged, record = write(daemon, merged, record, OURS)

    assert json.loads(merged)["data-root"] == "/mnt/ssd/docker"
    assert "mtu" not in json.loads(merged)


def test_the_options_of_another_log_driver_go_with_it(daemon: ModuleType) -> None:
    theirs = {"log-driver": "fluentd", "log-opts": {"fluentd-address": "192.0.2.9"}}

    assert json.loads(write(daemon, json.dumps(theirs), {}, OURS)[0])["log-opts"] == OURS["log-opts"]


def test_the_file_of_a_version_without_a_record_is_the_role_s_own(daemon: ModuleType) -> None:
    text = json.dumps(OURS, indent=4)
    merged, record = write(daemon, text, {}, OURS)

    assert merged == text
    assert record["engine"] == ""
    assert daemon.daemon_restored(merged, record) == ""


@pytest.mark.parametrize("text", ["{", "[]", '"json-file"', "null"])
def test_unreadable_daemon_json_is_reported(daemon: ModuleType, text: str) -> None:
    assert not daemon.daemon_readable(text)


@given(theirs=SETTINGS, ours=SETTINGS, later=SETTINGS)
def test_writing_twice_changes_nothing_and_a_reset_restores_the_settings(
    daemon: ModuleType, theirs: dict[str, Any], ours: dict[str, Any], later: dict[str, Any]
) -> None:
    text = json.dumps(theirs)
    merged, record = write(daemon, text, {}, ours)
    own = record["original"] is None
    unchanged, record = write(daemon, merged, record, ours)
    assert unchanged == merged
    for key, value in ours.items():
        assert isinstance(value, dict) or json.loads(merged)[key] == value

    changed, record = write(daemon, unchanged, record, later)
    assert write(daemon, changed, record, later)[0] == changed
    if {"log-driver"}.isdisjoint(theirs):  # otherwise, a driver's options may have been removed with it
        restored = daemon.daemon_restored(changed, record)
        assert restored == ("" if own else text)
