"""Images: another one under the tag, one that a board has lost, two that are built at once, and none."""

from __future__ import annotations

import subprocess
import uuid

from tests.lab.faults.conftest import Answers, Begin
from tests.lab.faults.invariants import check_done
from tests.lab.faults.running_job import Running
from tests.lab.kit.control_node import BASE, ROOT
from tests.lab.kit.lab import SHARE, Lab
from tests.lab.kit.polling import until


def image_of(lab: Lab, job: Running) -> tuple[str, str]:
    """Return the id of the image that a job runs, and its tag."""
    image = lab.manager.sh(
        f"docker service inspect --format '{{{{.Spec.TaskTemplate.ContainerSpec.Image}}}}' csvswarm-{job.name}_driver"
    ).strip()
    tag = lab.manager.sh(f"docker image inspect --format '{{{{index .RepoTags 0}}}}' {image}").strip()
    return image, tag


def test_another_image_under_the_tag_never_runs(lab: Lab, begin: Begin, answers: Answers) -> None:
    """A service runs by the image's id, which no other image has."""
    board = lab.workers[0]
    first = begin()
    first.wait_for_all()
    image, tag = image_of(lab, first)
    assert image.startswith("sha256:")
    first.let_go("all")
    check_done(first, first.end(), answers())
    board.sh(f"tar --create --directory=/etc hostname | docker import - {tag}")

    job = begin()
    job.wait_for(on=[board])
    job.let_go("all")
    check_done(job, job.end(), answers())

    board.sh(f"docker tag {image} {tag}")


def test_a_board_that_has_lost_its_image_and_another_archive(lab: Lab, begin: Begin, answers: Answers) -> None:
    """A resume verifies all boards: the one that lacks the image refuses to load another one."""
    board = lab.workers[0]
    job = begin()
    job.wait_for_all()
    image, tag = image_of(lab, job)
    job.kill()
    stopped = job.desk.manage("stop", job.name)
    assert stopped.code == 0, stopped.output
    archive = f"{SHARE}/images/{tag.replace(':', '-')}-amd64.tar.gz"
    until("the image is removed", lambda: board.holds(f"docker image rm --force {image}"))
    lab.server.sh(f"mv {archive} {archive}.kept; tar --create --gzip --directory=/etc hostname >{archive}")
    refused = job.again()

    assert refused.code
    assert f"{board.name}: the image {tag} is not there, or is another one" in refused.message
    assert f"{archive} contains another image: remove that file" in refused.message
    assert "Deploy the job" not in refused.output
    lab.put_back_images()
    job.let_go("all")
    check_done(job, job.again(), answers())


def test_an_image_that_was_removed_is_loaded_while_a_job_runs(lab: Lab, begin: Begin, answers: Answers) -> None:
    """A board that was verified before rejects its chunk; others try it, and the board loads the image."""
    board = lab.workers[0]
    first = begin()
    first.wait_for_all()
    image, _ = image_of(lab, first)
    first.let_go("all")
    check_done(first, first.end(), answers())
    until("the image is removed", lambda: board.holds(f"docker image rm --force {image}"))

    job = begin()
    job.let_go_at_once()
    check_done(job, job.end(), answers())

    assert "No such image" in job.output
    until("the board has the image", lambda: board.holds(f"docker image inspect {image}"))


def test_two_first_jobs_at_once(begin: Begin, answers: Answers) -> None:
    """Both find no image on the share, and make one. With nothing in the engine's cache each build differs."""
    name = f"csvswarm-base:{uuid.uuid4().hex[:8]}"
    built = subprocess.run(
        ["docker", "build", "--tag", name, "-"],
        input=f"FROM {BASE}\nLABEL made={name}\n",
        text=True,
        check=False,
        capture_output=True,
    )
    assert built.returncode == 0, built.stderr

    jobs = [begin(image_base=name) for _ in range(2)]
    for job in jobs:
        job.let_go_at_once()

    for job in jobs:
        check_done(job, job.end(), answers())
    subprocess.run(["docker", "rmi", name], check=True, capture_output=True)


def test_a_base_that_is_not_there(begin: Begin) -> None:
    job = begin(image_base="csvswarm-nothing:here")

    refused = job.end()

    assert refused.code
    assert "could not be built on this machine: " in refused.message
    assert "It begins with csvswarm-nothing:here: where that cannot be pulled, name a Debian 13" in refused.message
    assert not list((ROOT / ".cache").glob(f"image-{job.name}-*"))
