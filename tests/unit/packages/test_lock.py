"""Lists of packages: refused lists, calls of uv, and its messages."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from csvswarm.errors import OptionError
from csvswarm.packages import lock as module
from csvswarm.packages.lock import Target, lock, pinned, read_list

BOARD = Target("3.13", "aarch64")
LOCK = "Scikit_Learn==1.9.1 \\\n    --hash=sha256:00\nscipy==1.18.1 ; python_version > '3' \\\n    --hash=sha256:11\n"


class Uv:
    """A fake uv that records its calls."""

    def __init__(self, code: int = 0, message: str = "") -> None:
        self.calls: list[list[str]] = []
        self.constraints = ""
        self._code, self._message = code, message

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        self.calls.append(list(arguments))
        options = dict(word.split("=", 1) for word in arguments if word.startswith("--") and "=" in word)
        self.constraints = Path(options["--constraints"]).read_text()
        if not self._code:
            Path(options["--output-file"]).write_text(LOCK)
        return subprocess.CompletedProcess(arguments, self._code, "", self._message)


@pytest.fixture
def wanted(tmp_path: Path) -> Path:
    path = tmp_path / "packages.txt"
    path.write_text("scikit-learn>=1.5  # the model\n")
    return path


def test_pins_of_a_lock() -> None:
    assert pinned(LOCK) == {"scikit-learn": "1.9.1", "scipy": "1.18.1"}


def test_unchanged_list_is_locked_once(wanted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uv = Uv()
    monkeypatch.setattr(module, "uv", uv)
    given = {"numpy": "2.0"}

    first = lock(wanted, BOARD, given, tmp_path / "cache", {"scipy": "1.18.1"})

    assert first.read_text() == LOCK
    assert uv.constraints == "numpy==2.0\nscipy==1.18.1\n"
    assert {"--no-emit-package=numpy", "--python-platform=aarch64-manylinux_2_28"} < {*uv.calls[0]}
    assert "--no-emit-package=scipy" not in uv.calls[0]
    assert lock(wanted, BOARD, given, tmp_path / "cache", {"scipy": "1.18.1"}) == first
    assert len(uv.calls) == 1
    others = [(Target("3.13", "x86_64"), given), (BOARD, {"numpy": "2.1"}), (BOARD, {})]
    assert len({lock(wanted, target, more, tmp_path / "cache", {"scipy": "1.18.1"}) for target, more in others}) == 3
    wanted.write_text("scipy\n")
    assert lock(wanted, BOARD, given, tmp_path / "cache", {}) != first
    assert len(uv.calls) == 5


CAUSE = "error: No solution found when resolving dependencies\n  cause: Because "


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (
            f"{CAUSE}intel-openmp==2026.2.0 has no wheels with a matching platform tag (e.g., `x`) and you require",
            "intel-openmp 2026.2.0 has no wheel for boards with arm64 and Python 3.13. Require a version that has one",
        ),
        (
            f"{CAUSE}pymssql==2.2.5 has no usable wheels and you require pymssql==2.2.5, we can conclude",
            "pymssql 2.2.5 has no wheel for boards with arm64 and Python 3.13.",
        ),
        (
            f"{CAUSE}you require numpy<2 and numpy==2.5.5, we can conclude.\n\nhint: something\n",
            "cannot be installed for boards with arm64 and Python 3.13: Because you require numpy<2 and numpy==2.5.5",
        ),
        (
            "error: Request failed after 3 retries\n  cause: Failed to fetch: http://index/six/",
            "the package index does not answer, so ",
        ),
    ],
    ids=["platform", "source", "conflict", "index"],
)
def test_failure_names_package_version_and_architecture(
    wanted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, message: str, answer: str
) -> None:
    monkeypatch.setattr(module, "uv", Uv(1, message))

    with pytest.raises(OptionError) as error:
        lock(wanted, BOARD, {}, tmp_path / "cache", {})

    assert str(error.value).startswith("requirements: ")
    assert answer in str(error.value)
    assert "\n" not in str(error.value)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == []


@pytest.mark.parametrize(
    "line", ["-r other.txt", "--index-url x", "-e .", "./mine.whl", "mine @ file:///x.whl", "git+https://x/y"]
)
def test_options_paths_and_addresses_are_refused(wanted: Path, line: str) -> None:
    wanted.write_text(f"# a comment with a /\nscipy\n{line}  # why\n")

    with pytest.raises(OptionError, match=r"requirements: line 3 of .*packages\.txt is "):
        read_list(wanted)


def test_list_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff\xfe")

    for path in (tmp_path / "x", tmp_path / "none", tmp_path):
        with pytest.raises(OptionError, match="cannot be read"):
            read_list(path)
