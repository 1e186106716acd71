"""Every unit that the roles install starts at boot on the boards' systems: systemd itself checks for cycles."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import jinja2
import pytest

from tests.roles.boot_units import BASE, SYSTEMS, want, write_units

ROLES = Path(__file__).resolve().parents[2] / "roles"
SHARE = "/srv/csvswarm"
UNITS = sorted(
    path
    for path in ROLES.rglob("*")
    if path.suffix in {".service", ".socket", ".mount", ".timer", ".target"}
    or path.name.endswith((".service.j2", ".mount.j2", ".timer.j2"))
)


def rendered(path: Path) -> str:
    """Return a unit's text, with the role's defaults; its programs are replaced, since they are not installed here."""
    environment = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True, autoescape=False)
    text = environment.from_string(path.read_text()).render(nfs_client_path=SHARE, nfs_client_server="192.0.2.11")
    return "\n".join(
        f"{line.partition('=')[0]}=/bin/true" if line.startswith("Exec") else line for line in text.splitlines()
    )


def install(folder: Path, name: str, text: str) -> None:
    """Write a unit and enable it."""
    (folder / name).write_text(text + "\n")
    for line in text.splitlines():
        key, _, targets = line.partition("=")
        for target in targets.split():
            if key == "WantedBy":
                want(folder, name, target)
            elif key == "RequiredBy":
                requires = folder / f"{target}.requires"
                requires.mkdir(exist_ok=True)
                (requires / name).symlink_to(folder / name)


def verify(folder: Path) -> str:
    """Return what systemd finds wrong with a boot from these units alone."""
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "multi-user.target"],
        env={"SYSTEMD_UNIT_PATH": str(folder), "PATH": "/usr/bin:/bin", "SYSTEMD_LOG_LEVEL": "info"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    write_units(tmp_path, SYSTEMS[request.param])
    # As /etc/fstab has it on a board: nofail and _netdev.
    (tmp_path / "srv-csvswarm.mount").write_text(
        f"[Unit]\nAfter=network-online.target remote-fs-pre.target\nWants=network-online.target\n"
        f"[Mount]\nWhat=192.0.2.11:{SHARE}\nWhere={SHARE}\nType=nfs4\nOptions=nofail,_netdev\n"
    )
    want(tmp_path, "srv-csvswarm.mount", "remote-fs.target")
    return tmp_path


def test_the_units_are_found() -> None:
    assert {"csvswarm-firewall.service", "csvswarm-share.service.j2"} <= {path.name for path in UNITS}


@pytest.mark.parametrize("system", SYSTEMS, indirect=True)
def test_the_system_alone_boots_without_a_cycle(system: Path) -> None:
    assert "cycle" not in verify(system)


@pytest.mark.parametrize("system", SYSTEMS, indirect=True)
def test_the_system_boots_with_every_unit_of_the_roles(system: Path) -> None:
    for path in UNITS:
        install(system, path.name.removesuffix(".j2"), rendered(path))

    found = verify(system)

    assert "cycle" not in found
    for path in UNITS:
        assert path.name.removesuffix(".j2") not in found, "systemd-analyze verify complains"


def test_a_firewall_with_default_dependencies_would_be_found(tmp_path: Path) -> None:
    """The reason for these tests: with cloud-init, systemd removed such a unit from the boot."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    write_units(tmp_path, SYSTEMS["Debian 13, cloud-init"])
    [path] = [path for path in UNITS if path.name == "csvswarm-firewall.service"]
    install(tmp_path, path.name, rendered(path).replace("DefaultDependencies=no", ""))

    assert "ordering cycle" in verify(tmp_path)


def test_the_firewall_is_up_before_the_network() -> None:
    text = (ROLES / "firewall/files/csvswarm-firewall.service").read_text()

    assert "Before=network-pre.target" in text
    assert "network-pre.target" in BASE
