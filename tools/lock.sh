#!/bin/sh
# Generates requirements/*.txt from *.in: `make lock`. Arguments go to `uv pip compile` (--upgrade).
set -eu
cd "$(dirname "$0")/../requirements"

# --universal: one lock for every platform and every Python from 3.11 on.
# --no-config and --no-emit-*: this machine's own index settings must not get into the file.
compile() { # name, arguments...
    name=$1
    shift
    uv --no-config pip compile --quiet --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
        "$@" -o "$name.txt" "$name.in"
}

everywhere="--universal --python-version 3.11"
compile runtime $everywhere "$@"
compile dev -c runtime.txt $everywhere "$@"
compile bench -c runtime.txt $everywhere "$@"
compile kernel $everywhere "$@"
compile docs $everywhere "$@"
compile fuzz -c runtime.txt -c dev.txt $everywhere "$@"
# Without conditions, because pip would evaluate them for the control node's Python.
compile image -c runtime.txt --python-version 3.13 --python-platform linux "$@"
