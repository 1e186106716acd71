"""Images: another one under the tag, one that a board has lost, two that are built concurrently, and none."""

from __future__ import annotations

import subprocess
import uuid

from tests.lab.faults.conftest import LocalResult, StartJob
from tests.lab.faults.invariants import check_done
from tests.lab.faults.running_job import RunningJob
from tests.lab.kit.control_node import BASE, ROOT
from tests.lab.kit.lab import SHARE, Lab
from tests.lab.kit.polling import wait_until


def image_of(lab: Lab, job: RunningJob) -> tuple[str, str]:
    """Return the id of the image that a job runs, and its tag."""
    image = lab.manager.sh(
        f"docker service inspect --format '{{{{.Spec.TaskTemplate.ContainerSpec.Image}}}}' csvswarm-{job.name}_driver"
    ).strip()
    tag = lab.manager.sh(f"docker image inspect --format '{{{{index .RepoTags 0}}}}' {image}").strip()
    return image, tag


def test_another_image_under_the_tag_never_runs(lab: Lab, start_job: StartJob, local_result: LocalResult) -> None:
    """A service runs by the image's id, which no other image has."""
    board = lab.workers[0]
    first = start_job()
    first.wait_for_all()
    image, tag = image_of(lab, first)
    assert image.startswith("sha256:")
    first.release("all")
    check_done(first, first.end(), local_result())
    board.sh(f"tar --create --directory=/etc hostname | docker import - {tag}")

    job = start_job()
    job.wait_for(on=[board])
    job.release("all")
    check_done(job, job.end(), local_result())

    board.sh(f"docker tag {image} {tag}")


def test_board_without_the_image_and_a_changed_archive(
    lab: Lab, start_job: StartJob, local_result: LocalResult
) -> None:
    """A resume verifies all boards: the one that lacks the image refuses to load another one."""
    board = lab.workers[0]
    job = start_job()
    job.wait_for_all()
    image, tag = image_of(lab, job)
    job.kill()
    stopped = job.control_node.manage("stop", job.name)
    assert stopped.code == 0, stopped.output
    archive = f"{SHARE}/images/{tag.replace(':', '-')}-amd64.tar.gz"
    wait_until("the image is removed", lambda: board.succeeds(f"docker image rm --force {image}"))
    lab.server.sh(f"mv {archive} {archive}.kept; tar --create --gzip --directory=/etc hostname >{archive}")
    # The board may remember the archive's former name for half a minute, and loads that.
    board.sh("echo 2 >/proc/sys/vm/drop_caches")
    refused = job.rerun()

    assert refused.code
    assert f"{board.name}: the image {tag} is missing, or is another one" in refused.message
    assert f"{archive} contains another image: remove that file" in refused.message
    assert "Deploy the job" not in refused.output
    lab.restore_images()
    job.release("all")
    check_done(job, job.rerun(), local_result())


def test_removed_image_is_loaded_while_a_job_runs(lab: Lab, start_job: StartJob, local_result: LocalResult) -> None:
    """A board that was verified before rejects its chunk; others try it, and the board loads the image."""
    board = lab.workers[0]
    first = start_job()
    first.wait_for_all()
    image, _ = image_of(lab, first)
    first.release("all")
    check_done(first, first.end(), local_result())
    wait_until("the image is removed", lambda: board.succeeds(f"docker image rm --force {image}"))

    job = start_job()
    job.release_at_once()
    check_done(job, job.end(), local_result())

    assert "No such image" in job.output
    wait_until("the board has the image", lambda: board.succeeds(f"docker image inspect {image}"))


def test_two_first_jobs_at_once(start_job: StartJob, local_result: LocalResult) -> None:
    """Both find no image on the share, and build one. Without a cache in the engine, the builds differ."""
    name = f"csvswarm-base:{uuid.uuid4().hex[:8]}"
    built = subprocess.run(
        ["docker", "build", "--tag", name, "-"],
        input=f"FROM {BASE}\nLABEL made={name}\n",
        text=True,
        check=False,
        capture_output=True,
    )
    assert built.returncode == 0, built.stderr

    jobs = [start_job(image_base=name) for _ in range(2)]
    for job in jobs:
        job.release_at_once()

    for job in jobs:
        check_done(job, job.end(), local_result())
    subprocess.run(["docker", "rmi", name], check=True, capture_output=True)


def test_missing_base_image(start_job: StartJob) -> None:
    job = start_job(image_base="csvswarm-nothing:here")

    refused = job.end()

    assert refused.code
    assert "could not be built on this machine: " in refused.message
    assert "It is based on csvswarm-nothing:here: if that cannot be pulled, name an available Debian" in refused.message
    assert not list((ROOT / ".cache").glob(f"image-{job.name}-*"))
