"""Images: another one under the job's name, two that are built at once, and one that cannot be built."""

from __future__ import annotations

import subprocess
import uuid

from tests.lab.faults.conftest import Answers, Begin
from tests.lab.faults.invariants import check_done
from tests.lab.kit.control_node import BASE, ROOT
from tests.lab.kit.lab import SHARE, Lab


def test_another_image_under_the_jobs_name(lab: Lab, begin: Begin, answers: Answers) -> None:
    """A board alone is mended by loading the image; here the archive on the share is another one as well."""
    board = lab.workers[0]
    job = begin()
    job.wait_for_all()
    name = lab.manager.sh(
        f"docker service inspect --format '{{{{.Spec.TaskTemplate.ContainerSpec.Image}}}}' csvswarm-{job.name}-1_chunks"
    ).strip()
    archive = f"{SHARE}/images/{name.replace(':', '-')}-amd64.tar.gz"
    board.sh(f"tar --create --directory=/etc hostname | docker import - {name}; docker save {name} | gzip >/run/other")
    other = board.sh("base64 --wrap=0 /run/other")
    lab.server.sh(f"mv {archive} {archive}.kept; base64 --decode >{archive} <<<'{other}'")
    job.kill()
    refused = job.again()

    assert refused.code
    assert f"{board.name}: the image {name} is not there, or is another one" in refused.message
    assert f"{archive} holds another image: remove that file" in refused.message
    # It was refused before anything was touched: the attempts of the first run still stand.
    assert lab.left(job.name)
    lab.put_back_images()
    job.let_go("all")
    check_done(job, job.again(), answers())


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
