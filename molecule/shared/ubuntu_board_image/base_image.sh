#!/bin/sh
# Makes sure that the engine has ubuntu:SUITE: base_image.sh SUITE
# Pulls it from the engine's registry or, if none answers, builds it from Ubuntu's packages. Their signatures are checked
# with the keyring in Debian 13's package ubuntu-keyring, whose own signature is Debian's.
set -eu
suite=$1
image=ubuntu:$suite

docker image inspect "$image" >/dev/null 2>&1 && exit 0
echo "base image: $image"
timeout 300 docker pull --quiet "$image" >/dev/null 2>&1 && exit 0

# distro-info-data names the suites of Ubuntu, so that mmdebstrap chooses its archive.
if ! command -v mmdebstrap >/dev/null || ! grep -qs ",$suite," /usr/share/distro-info/ubuntu.csv; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "$image: no registry answers. Install mmdebstrap and distro-info-data, or: docker pull $image" >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends distro-info-data mmdebstrap >/dev/null
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder" # apt reads the keyring as its own user
mmdebstrap --quiet --variant=extract --include=ubuntu-keyring trixie "$folder/debian"
# Docker's package is in universe. apt is not among Ubuntu's required packages.
mmdebstrap --quiet --format=tar --variant=minbase --components=main,universe --include=apt,ca-certificates \
    --keyring="$folder/debian/usr/share/keyrings/ubuntu-archive-keyring.gpg" "$suite" "$folder/$suite.tar"
docker import "$folder/$suite.tar" "$image"
