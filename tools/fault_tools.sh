#!/bin/sh
# Makes sure that the tools for fault injection are installed: tools/fault_tools.sh
# Missing strace and libfiu (fiu-utils) are installed if the user is root on Debian or Ubuntu. Otherwise it prints what
# is missing; the tests that need it are then skipped, but never in CI.
set -eu

set --
command -v strace >/dev/null || set -- "$@" strace
command -v fiu-run >/dev/null || set -- "$@" fiu-utils
[ $# -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "fault tools: missing: $*. On Debian and Ubuntu: sudo apt-get install $*" >&2
    exit 1
fi
echo "fault tools: installing $*"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null || {
    echo "fault tools: apt-get could not install $* (see above)" >&2
    exit 1
}
