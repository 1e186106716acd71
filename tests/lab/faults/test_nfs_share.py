"""The share is full, read-only or missing."""

from __future__ import annotations

from tests.lab.faults.conftest import LocalResult, StartJob
from tests.lab.faults.invariants import check_done, check_failed, read_job_files
from tests.lab.kit.lab import FILL, SHARE, Lab


def test_full_share(lab: Lab, start_job: StartJob, local_result: LocalResult) -> None:
    job = start_job()
    first, *_ = job.wait_for_all()
    job.release(first.chunk)
    job.wait_until_committed(first.chunk)
    kept = read_job_files(job)["receipts"]
    # The file system has a reserve for root, so the board itself keeps running.
    lab.server.sh(f"fallocate --length $(( $(df --output=avail --block-size=1 {SHARE} | tail -n 1) - 65536 )) {FILL}")
    job.release("all")
    run = job.end()

    check_failed(job, run, "chunk ", "no space is left on the share")
    lab.server.sh(f"rm {FILL}")
    rerun = job.rerun()
    check_done(job, rerun, local_result())
    assert kept.items() <= read_job_files(job)["receipts"].items()


def test_read_only_share(lab: Lab, start_job: StartJob, local_result: LocalResult) -> None:
    # The server writes to its own disk, so it would continue.
    lab.occupy(lab.server)
    job = start_job()
    job.wait_for_all(2)
    # A board that is full would be waited for, since the chunks of other jobs end.
    lab.set_availability(lab.server, "pause")

    clients = lab.server.sh("exportfs -s | sed 's/^[^ ]* *//; s/(.*//'").split()
    options = "ro,sync,all_squash,anonuid=8765,anongid=8765,no_subtree_check,sec=sys"
    lab.server.sh("\n".join(f"exportfs -i -o {options} {client}:{SHARE}" for client in clients))
    job.release("all")
    run = job.end()

    check_failed(job, run, "chunk ", "cannot write to the share: it is read-only")
    lab.server.sh("exportfs -ra")
    lab.set_availability(lab.server, "active")
    check_done(job, job.rerun(), local_result())


def test_worker_without_the_share(lab: Lab, start_job: StartJob, local_result: LocalResult) -> None:
    job = start_job(chunks=4)
    attempts = job.wait_for_all()
    one = next(one for one in attempts if one.board in lab.workers)
    (waits,) = {1, 2, 3, 4} - {attempt.chunk for attempt in attempts}

    # Running containers keep the mount; the next chunk starts on this board, since the others are busy.
    one.board.sh(f"umount --lazy {SHARE}")
    job.release(one.chunk)
    message = f"chunk {waits} failed 3 times (on {one.board.name}), the last time because the share is not mounted on"
    job.wait_until("the board has failed at the next chunk", lambda: message in job.output)
    job.release("all")
    run = job.end()

    check_done(job, run, local_result())
    assert one.board.sh(f"ls -A {SHARE}") == "", "something was written to the board's own disk"
    failed = [attempt for attempt in run.report["attempts"] if attempt["chunk"] == waits and not attempt["counts"]]
    assert [attempt["board"] for attempt in failed] == [one.board.name] * 3
