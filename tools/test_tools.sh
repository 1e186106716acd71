#!/bin/sh
# Makes sure that the tools of the tests are installed: tools/test_tools.sh
# Missing strace and libfiu (fiu-utils), which inject faults, and Chromium, which opens reports, are installed if the user
# is root on Debian or Ubuntu. Otherwise it prints what is missing; the tests that need it are then skipped, but those of
# faults never in CI.
set -eu

set --
command -v strace >/dev/null || set -- "$@" strace
command -v fiu-run >/dev/null || set -- "$@" fiu-utils
# Ubuntu has Chromium only as a snap, which needs an init system.
command -v chromium >/dev/null || grep -qs '^ID=ubuntu' /etc/os-release || set -- "$@" chromium
[ $# -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "test tools: missing: $*. On Debian and Ubuntu: sudo apt-get install $*" >&2
    exit 1
fi
echo "test tools: installing $*"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null || {
    echo "test tools: apt-get could not install $* (see above)" >&2
    exit 1
}
