"""A record that cannot be read, and chunk files that are damaged after the split."""

from __future__ import annotations

import gzip
import re

from tests.lab.faults.conftest import LocalResult, StartJob
from tests.lab.faults.invariants import check_done, check_failed
from tests.lab.kit.control_node import SAMPLE, ControlNode
from tests.lab.kit.lab import Lab

KEPT = "/var/tmp/csvswarm-kept"


def test_unreadable_record(control_node: ControlNode, start_job: StartJob, local_result: LocalResult) -> None:
    """The job fails with the record's number. A second run of the same job continues with the record quarantined."""
    lines = SAMPLE.read_text().splitlines(keepends=True)
    lines[20_000] = "1,2,3\n"
    source = control_node.place / "bad.csv"
    source.write_text("".join(lines))
    job = start_job(input="bad.csv")
    job.release_at_once()

    check_failed(job, job.end(), "record 20000")
    job.variables["on_error"] = "quarantine"
    run = job.rerun()

    check_done(job, run, local_result(input=str(source), on_error="quarantine"))
    assert run.files["rejected.csv"].count(b"\n") == 2


def test_damaged_chunk_files(
    lab: Lab, control_node: ControlNode, start_job: StartJob, local_result: LocalResult
) -> None:
    """A compressed input is cut into files. One is changed, one truncated: each is reported, then restored."""
    (control_node.place / "data.csv.gz").write_bytes(gzip.compress(SAMPLE.read_bytes()))
    job = start_job(input="data.csv.gz", chunks=5)
    # Those that no attempt has read yet.
    changed, cut = {1, 2, 3, 4, 5} - {one.chunk for one in job.wait_for_all()}
    lab.server.sh(
        f"rm -rf {KEPT}; cp -a {job.directory}/chunks {KEPT}; cd {job.directory}/chunks\n"
        f"chmod u+w 00000{changed}.csv 00000{cut}.csv\n"
        f"printf 9 | dd of=00000{changed}.csv bs=1 seek=1000 conv=notrunc status=none\n"
        f"truncate --size=-1000 00000{cut}.csv"
    )
    job.release("all")
    run = job.end()

    damaged = {changed, cut}
    while damaged:
        found = re.search(r"has changed since the split: the bytes of chunk (.) differ", run.message)
        assert found, run.message
        check_failed(job, run, f"/chunks/00000{found[1]}.csv")
        damaged.remove(int(found[1]))
        lab.server.sh(f"cp -a {KEPT}/00000{found[1]}.csv {job.directory}/chunks/")
        run = job.rerun()
    check_done(job, run, local_result())
    lab.server.sh(f"rm -r {KEPT}")
