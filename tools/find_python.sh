#!/bin/sh
# Prints the path of a suitable Python interpreter, or explains what is missing.
#   find_python.sh           the interpreter for .venv: 3.11 if installed, else any newer one
#   find_python.sh --newer   the newest interpreter above 3.11, for a second test run; prints nothing without one
set -eu

# A name on PATH is not enough (pyenv has a command for every version, whether active or not): an interpreter counts if
# it runs and reports a suitable version.
works() { # interpreter, lowest minor version
    "$1" -c "import sys; sys.exit(not (3, $2) <= sys.version_info[:2]); import venv, ssl" >/dev/null 2>&1
}

candidates() { # name, e.g. python3.13
    command -v "$1" || true
    if command -v pyenv >/dev/null 2>&1; then
        root=$(pyenv root)
        for version in $(pyenv whence "$1" 2>/dev/null); do
            echo "$root/versions/$version/bin/$1"
        done
    fi
}

first_that_works() { # lowest minor version, names...
    lowest=$1
    shift
    for name in "$@"; do
        for candidate in $(candidates "$name"); do
            if works "$candidate" "$lowest"; then
                "$candidate" -c "import sys; print(sys.executable)"
                return 0
            fi
        done
    done
    return 1
}

case "${1:-}" in
--newer)
    first_that_works 12 python3.14 python3.13 python3.12 python3 || true
    ;;
"")
    first_that_works 11 python3.11 python3.12 python3.13 python3.14 python3 && exit 0
    echo "csvswarm needs Python 3.11 or newer and found none on PATH." >&2
    echo "On Debian 12 or newer and Ubuntu 24.04: apt-get install python3 python3-venv" >&2
    exit 1
    ;;
*)
    echo "usage: find_python.sh [--newer]" >&2
    exit 2
    ;;
esac
