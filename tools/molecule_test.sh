#!/bin/bash
# Runs a Molecule scenario, and prints its result and the time of each phase: tools/molecule_test.sh [SCENARIO]
# A scenario that has not ended after LIMIT seconds is stopped, and its state is shown.
set -uo pipefail
cd "$(dirname "$0")/.."
scenario=${1:-default}
times=.lab/$scenario.times
limit=${LIMIT:-$([ "$scenario" = default ] && echo 3600 || echo 10800)}

# First, so that without an engine one message reports what is missing, instead of a page of Ansible's output.
tools/docker_engine.sh || exit 1
# Jobs send their input with rsync.
if ! command -v rsync >/dev/null; then
    { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends rsync >/dev/null; } ||
        { echo "rsync is missing. On Debian and Ubuntu: sudo apt-get install rsync" >&2 && exit 1; }
fi

rm -f "$times" ".lab/$scenario.boards.json"
unset "${!MOLECULE_@}"  # left by steps that were run by hand in this shell, possibly for another checkout
molecule test --scenario-name "$scenario" &
running=$!
(
    trap 'kill "$!"; exit' TERM
    sleep "$limit" &
    wait "$!"
    echo "molecule: not ended after $limit s. Running processes:"
    ps -e -H -o pid,etimes,stat,wchan:20,args | cut -c 1-200
    echo "The end of Ansible's log:"
    tail -n 40 ".lab/$scenario.log"
    kill "$running"
) &
watching=$!
wait "$running"
code=$?
kill "$watching" 2>/dev/null

echo
# Written by molecule/shared/callback_plugins/phase_times.py: phase, seconds, changes.
[ ! -e "$times" ] || awk -F , '
    BEGIN { printf "%-25s %7s  %7s\n", "phase", "seconds", "changed" }
    { printf "%-25s %7d  %7d\n", $1, $2, $3; total += $2 }
    END { printf "%-25s %7d\n", "total", total }' "$times"
if [ "$code" = 0 ]; then
    # Written by molecule/shared/verify/boards.yml, for tools/supported_boards.py.
    [ ! -e ".lab/$scenario.boards.json" ] || mv ".lab/$scenario.boards.json" ".lab/$scenario.passed.json"
    echo "molecule: $scenario scenario passed"
else
    echo "Failures (the whole log is .lab/$scenario.log):"
    grep -E '(fatal|failed|unreachable): \[|FAILED|ERROR|^E  ' ".lab/$scenario.log" 2>/dev/null | cut -c 1-600 | tail -n 40
    echo "molecule: $scenario scenario FAILED, see above" >&2
fi
exit "$code"
