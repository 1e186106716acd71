"""The report of a job: its contents, safety and size."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from csvswarm.job.directory import JobDirectory
from csvswarm.job.lock import LOCK
from csvswarm.report.data import Material, gather
from csvswarm.report.render import PAGE, TEMPLATES, render
from csvswarm.report.timeline import scale_of

from tests.report.browser import answer, browse, needs_chromium
from tests.report.html_page import EVIL, Page, page
from tests.report.records import MB, attempt, column, record
from tests.support.jobs import SAMPLE, Scripts, record_validator, write_csv


def test_report_of_the_sample(tmp_path: Path) -> None:
    scripts = Scripts(tmp_path)
    scripts.all(SAMPLE, "--chunks", "3")

    done = scripts.report("--output", scripts.output).answer

    assert done == {"report": str(scripts.output / PAGE)}
    found = page(scripts.output)
    found.check_safe()
    written = json.loads((scripts.output / "job.json").read_text())
    for text in (
        "Done: statistics read 27,004 rows and wrote 14.",
        written["input"]["checksum"],
        written["result"]["checksum"],
        "ansible-playbook run_job.yml -e job_id=job",
        f"Python {written['versions']['Python']}",
        "dep_delay",
        "25 to 75 % (box)",
    ):
        assert text in found.words
    lanes = [attributes for tag, attributes in found.elements if "data-lane" in attributes]
    assert len(lanes) == 1
    assert lanes[0]["aria-label"] == f"{written['attempts'][0]['board']}, slot 1: 3 attempts"


def test_report_of_a_failed_job_is_in_its_job_directory(tmp_path: Path) -> None:
    scripts = Scripts(tmp_path)
    source = write_csv(tmp_path / "data.csv", ["a", "b"], [[1, 2]] * 50)
    source.write_text(source.read_text() + "1\n")
    scripts.split(source, "--chunks", "3")
    message = scripts.process().message

    scripts.report("--error", message)

    found = page(scripts.job)
    found.check_safe()
    assert "Failed: 2 of 3 chunks are done and kept." in found.words
    assert message.split("\n")[0] in found.words
    assert "Only what is missing runs: ansible-playbook run_job.yml -e job_id=job" in found.words
    record_validator().validate(json.loads((scripts.job / "job.json").read_text()))
    assert not scripts.output.exists()


def test_report_of_an_unsplit_job(tmp_path: Path) -> None:
    scripts = Scripts(tmp_path)

    assert scripts.report("--error", "no such file").answer == {"report": None}
    assert not scripts.job.exists()
    JobDirectory(scripts.job).claim()
    (scripts.job / LOCK).touch()
    scripts.report("--error", "no space left")

    assert "Failed before the input was split" in page(scripts.job).words
    record_validator().validate(json.loads((scripts.job / "job.json").read_text()))


def test_a_resume_removes_the_report_of_the_failure(tmp_path: Path) -> None:
    scripts = Scripts(tmp_path)
    source = write_csv(tmp_path / "data.csv", ["a"], [[1]] * 9)
    scripts.split(source)
    scripts.report("--error", "interrupted")

    scripts.process()
    scripts.collect()

    assert not (scripts.job / PAGE).exists()
    assert not (scripts.job / "job.json").exists()


def test_unrelated_file_is_kept(tmp_path: Path) -> None:
    scripts = Scripts(tmp_path)
    scripts.all(write_csv(tmp_path / "data.csv", ["a"], [[1]] * 9))
    (scripts.output / PAGE).write_text("<!doctype html>mine")

    message = scripts.report("--output", scripts.output).line

    assert message == f"{scripts.output / PAGE} is not a report of csvswarm: move it away, or name another output."
    assert (scripts.output / PAGE).read_text() == "<!doctype html>mine"


def test_markup_in_names_and_values_is_text(tmp_path: Path) -> None:
    """In a real job, a column, values, a rejected record and a board are named like elements of a page."""
    source = write_csv(tmp_path / "data.csv", [EVIL, "b"], [[EVIL, n] for n in range(20)])
    source.write_text(source.read_text() + EVIL.replace('"', '""').join('""') + ",1,2\n")
    scripts = Scripts(tmp_path)
    (tmp_path / "keep.py").write_text("def process(block, context):\n    return block\n")
    scripts.all(source, "--processor", tmp_path / "keep.py", "--on-error", "quarantine")
    scripts.report("--output", scripts.output)

    found = page(scripts.output)

    found.check_safe()
    assert EVIL in found.text
    assert "{{ 7 * 7 }}" in found.text
    assert "1 records were rejected" in found.words


def test_markup_in_messages_is_text() -> None:
    attempts = [attempt(1, EVIL), attempt(2, status="lost", counts=False, message=EVIL, exit=None)]
    html = render(Material(record(attempts, status="failed", error=EVIL, result=None, rows_out=None), Path()))

    found = Page(html)

    found.check_safe()
    assert found.text.count(EVIL) >= 3
    assert "alert(1)</script>" not in html


@pytest.mark.parametrize("count", [1, 500, 10_000])
def test_size_is_bounded(count: int) -> None:
    attempts = [
        attempt(n + 1, f"board-{n % 13}", start=n // 52 * 7.31, took=7.1 + n % 7 / 13, queued=1_780_000_009.5)
        for n in range(count)
    ]
    for one in attempts:
        one["launched"] = one["started"] - 0.2
    made_up = record(attempts)
    record_validator().validate(made_up)

    size = len(render(Material(made_up, Path())).encode())

    assert size < 150_000 + 100 * count
    assert size < 2_000_000


def test_pauses_between_runs_are_omitted() -> None:
    scale = scale_of([(0, 10), (10.5, 20), (100_000, 100_010)])

    assert scale.seconds == 30
    assert scale.pauses() == [(20 / 30, 99_980)]
    assert [scale.elapsed(moment) for moment in (-1, 5, 20, 50_000, 100_005, 200_000)] == [0, 5, 20, 20, 25, 30]


def test_page_loads_no_external_resources() -> None:
    html = render(Material(record([attempt(1)]), Path()))

    assert "default-src 'none'" in html
    assert not re.search(r"https?://|url\(|@import", html)


def test_colours_meet_wcag_aa() -> None:
    css = (TEMPLATES / "report.css").read_text()
    themes = [
        dict(re.findall(r"--(\w+): (#\w+)", block)) for block in re.findall(r":root \{(.*?)\n *\}", css, re.DOTALL)
    ]

    assert len(themes) == 3  # light, dark, print
    for theme in themes:
        for background in theme["page"], theme["panel"]:
            for name in ("text", "muted", "good", "bad", "link"):
                assert contrast(theme[name], background) >= 4.5, (name, background)
            for name in ("done", "spare", "misfit", "failed", "lost", "starting"):
                assert contrast(theme[name], background) >= 3, (name, background)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, as WCAG 2 defines it."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@needs_chromium
@pytest.mark.parametrize("failed", [False, True])
def test_page_fits_on_a_phone(tmp_path: Path, failed: bool) -> None:
    attempts = [attempt(n + 1, "board1", start=n, message="word" * 200 if failed else "") for n in range(300)]
    ended = {"status": "failed", "error": "x" * 500, "result": None, "rows_out": None} if failed else {}
    made_up = record(attempts, columns=[column("n" * 200, "text", ["text"], example="y" * 300)], **ended)
    (tmp_path / PAGE).write_text(render(Material(made_up, tmp_path)))

    wider = answer(tmp_path / PAGE, "const all = page.documentElement; answer = all.scrollWidth - all.clientWidth;")

    assert wider == "0"


@needs_chromium
def test_keyboard_sorts_the_table_and_describes_attempts(tmp_path: Path) -> None:
    attempts = [attempt(n + 1, "board1", start=n, rows_in=100 - n) for n in range(3)]
    (tmp_path / PAGE).write_text(render(Material(record(attempts), tmp_path)))

    found = answer(
        tmp_path / PAGE,
        """
        const press = (element, key) => {
          element.focus();
          element.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
          return page.activeElement === element;
        };
        const lane = page.querySelector("svg[data-lane]"), tip = page.getElementById("tip");
        answer = [press(lane, "ArrowRight"), tip.textContent.split("\\n")[0]];
        press(lane, "ArrowRight");
        answer.push(tip.textContent.split("\\n")[0]);
        press(lane, "Escape");
        answer.push(tip.hidden);
        const button = [...page.querySelectorAll("th button")].find(one => one.textContent === "records");
        button.focus();
        answer.push(page.activeElement === button);
        button.click();  // what Enter and the space bar do
        answer.push(page.getElementById("table").tBodies[0].rows[0].cells[0].textContent);
        """,
    )

    assert json.loads(found) == [True, "chunk 1, done", "chunk 2, done", True, True, "3"]


@needs_chromium
def test_browser_runs_the_script_without_an_error(tmp_path: Path) -> None:
    attempts = [attempt(n + 1, "board1", start=n, message=EVIL if n == 3 else "") for n in range(300)]
    made_up = record(attempts, columns=[column(EVIL, "text", ["text"], example=EVIL)])
    (tmp_path / PAGE).write_text(render(Material(made_up, tmp_path)))

    done = browse(tmp_path / PAGE)

    dom = Page(done.stdout)
    dom.check_safe()
    assert "200 of 300 attempts" in dom.text
    assert len([tag for tag, _ in dom.elements if tag == "button"]) == 12


def test_advice_is_given_for_each_problem(tmp_path: Path) -> None:
    attempts = [
        attempt(n, "slow" if n % 3 else "fast", start=n, took=8.0 if n % 3 else 1.0, peak_bytes=230 * MB)
        for n in range(1, 13)
    ]
    attempts.append(attempt(1, "slow", status="lost", counts=False, message="no space"))
    made_up = record(attempts, columns=[column("price", "text", ["int", "text"])], rejected=5000, native=False)

    words = Page(render(gather(made_up, tmp_path, tmp_path))).words

    assert "1 attempt ended without a receipt, on slow." in words
    assert "The memory limit was nearly reached: chunk 1 needed 230 MB of 250 MB." in words
    assert "slow was" in words
    assert "Columns with numbers were read as text because of other values in them: price." in words
    assert "of the records were rejected" in words
    assert "The native kernel was not used." in words
    assert "Advice" not in Page(render(Material(record([attempt(1)]), tmp_path))).words
