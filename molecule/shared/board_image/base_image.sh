#!/bin/sh
# Makes sure that the engine has debian:SUITE: base_image.sh SUITE
# Pulls it from the engine's registry or, if none answers, builds it from Debian's packages.
set -eu
suite=$1
image=debian:$suite

docker image inspect "$image" >/dev/null 2>&1 && exit 0
echo "base image: $image"
timeout 300 docker pull --quiet "$image" >/dev/null 2>&1 && exit 0

if ! command -v mmdebstrap >/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "$image: no registry answers, and mmdebstrap is not installed. Install it, or: docker pull $image" >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap >/dev/null
fi
tar=$(mktemp)
trap 'rm -f "$tar"' EXIT
mmdebstrap --quiet --format=tar --variant=minbase --include=ca-certificates "$suite" "$tar"
docker import "$tar" "$image"
