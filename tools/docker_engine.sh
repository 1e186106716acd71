#!/bin/sh
# Makes sure that a Docker engine answers: tools/docker_engine.sh
# If none does and the user is root on Debian or Ubuntu, docker.io is installed and started, directly if there is no
# init system. Otherwise it prints what is missing.
set -eu

LOG=/var/log/csvswarm-dockerd.log
LIMIT=60 # seconds for the engine to answer

answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# Checks the pid file, since a small system has no pgrep. A killed engine leaves the file behind.
runs() { [ "$(cat "/proc/$(cat /var/run/docker.pid 2>/dev/null)/comm" 2>/dev/null)" = dockerd ]; }

give_up() {
    echo "docker engine: $1" >&2
    exit 1
}

answers && exit 0
if command -v docker >/dev/null && [ -n "${DOCKER_HOST:-}" ]; then
    give_up "DOCKER_HOST is set to $DOCKER_HOST, but no engine answers there. Start it, or unset DOCKER_HOST."
fi
[ "$(id -u)" = 0 ] ||
    give_up "none answers. Start it (sudo systemctl start docker) and be in the group docker, or run this as root."
command -v apt-get >/dev/null ||
    give_up "none answers, and only on Debian and Ubuntu can it be installed from here. Install Docker and start it."

if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null || ! command -v iptables >/dev/null; then
    echo "docker engine: installing docker.io"
    apt-get update -qq
    set -- docker.io iptables
    # Since Debian 13, the client is a separate package.
    [ -z "$(apt-cache search --names-only '^docker-cli$')" ] || set -- "$@" docker-cli
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
        give_up "apt-get could not install docker.io (see above)"
fi

echo "docker engine: starting"
if [ -d /run/systemd/system ]; then
    systemctl start docker
elif ! runs; then
    # The engine refuses to start if an old pid file exists.
    rm -f /var/run/docker.pid /var/run/docker/containerd/containerd.pid
    setsid dockerd >"$LOG" 2>&1 </dev/null &
    engine=$!
fi
waited=0
until answers; do
    [ -z "${engine:-}" ] || [ -e "/proc/$engine/exe" ] ||
        give_up "could not start. The end of its log, $LOG: $(tail -n 3 "$LOG")"
    [ "$waited" -lt "$LIMIT" ] || give_up "started, but does not answer after $LIMIT s. Its log: $LOG, or journalctl -u docker"
    waited=$((waited + 1))
    sleep 1
done
