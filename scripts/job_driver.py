#!/usr/bin/env python3
"""Run a job on boards: split, one container per chunk, collect. Runs in a container on a manager."""

from csvswarm import cli
from csvswarm.driver.main import main

if __name__ == "__main__":
    cli.exit_immediately(main())
