#!/usr/bin/env python3
"""Run a job on boards: split, one container per chunk, collect. Runs in a container on a manager."""

from csvswarm import cli

if __name__ == "__main__":
    # Not where the driver's processes, which import this file too, would also import the engine's client.
    from csvswarm.driver.main import main

    cli.exit_immediately(main())
