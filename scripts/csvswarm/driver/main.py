"""Start a driver: job_driver.py --request FILE."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import traceback
from pathlib import Path

from csvswarm.driver import stage_process
from csvswarm.driver.engine import SOCKET, Engine, EngineRefused, EngineUnavailable
from csvswarm.driver.errors import Stopped
from csvswarm.driver.privileges import become_owner
from csvswarm.driver.request import Request, RequestError, read_request
from csvswarm.driver.run import JobDriver, driver_service
from csvswarm.driver.status import Status

#: Seconds that a driver has to stop: Docker kills it after ten.
_STOP_TIMEOUT = 5.0
RESTART = 1


def main() -> int:
    """Run the job of the request. Return 0 if it is done or has failed, else 1, so that Swarm restarts the driver."""
    parser = argparse.ArgumentParser(description="Run a job on boards from a container on a manager.")
    parser.add_argument("--request", type=Path, required=True, metavar="FILE", help="what to run, as JSON")
    parser.add_argument("--socket", default=SOCKET, metavar="PATH", help=f"the engine's socket ({SOCKET})")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    try:
        request = read_request(arguments.request)
    except RequestError as error:
        print(error, file=sys.stderr)
        return RESTART
    group = become_owner(request.owner, arguments.socket)
    stage_process.start_importing()
    engine = Engine(arguments.socket, group=group)
    try:
        return _drive(request, engine)
    except Stopped:
        return 0
    except (EngineUnavailable, OSError) as error:
        print(f"the driver restarts: {error}", file=sys.stderr)
        return RESTART


def _drive(request: Request, engine: Engine) -> int:
    service = next((one.id for one in engine.services(request.job) if one.name == driver_service(request)), "")
    status = Status(request.output, request.job, service, socket.gethostname())
    if not status.continues:
        status.write()
    driver = JobDriver(request, engine, status)
    try:
        driver.run()
    except Stopped:
        # If the board was drained, another driver continues; the job is stopped only if its service was removed.
        stopping = Engine(engine.socket, group=engine.group, timeout=_STOP_TIMEOUT)
        JobDriver(request, stopping, status).stop()
        raise
    except (EngineUnavailable, OSError) as error:
        status.note(f"the driver restarts: {error}")
        raise
    except EngineRefused as error:
        driver.fail(f"Docker refuses to run the job: {error}", "resume")
    except Exception as error:  # noqa: BLE001 - a bug must not restart the driver endlessly
        traceback.print_exc()
        message = f"the driver ended with an internal error, please report it: {type(error).__name__}: {error}"
        driver.fail(message, "resume")
    return 0


def _stop(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped
