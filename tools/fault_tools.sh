#!/bin/sh
# Makes sure that faults can be put into processes: tools/fault_tools.sh
# strace and libfiu (fiu-utils) are installed where they are missing and we are root on Debian or Ubuntu. Anywhere else
# one sentence says what is missing; the tests that need it are skipped then, but never in CI.
set -eu

missing=
command -v strace >/dev/null || missing="$missing strace"
command -v fiu-run >/dev/null || missing="$missing fiu-utils"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "fault tools: missing:$missing. On Debian and Ubuntu: sudo apt-get install$missing" >&2
    exit 1
fi
echo "fault tools: installing$missing"
apt-get update -qq
# shellcheck disable=SC2086  # two packages are two words
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null || {
    echo "fault tools: apt-get could not install$missing (see above)" >&2
    exit 1
}
