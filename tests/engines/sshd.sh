#!/bin/sh
# sshd.sh SSHD CONFIG KEY: sshd's own check of a configuration, in a mount namespace with the folder that its service
# makes when it starts. On a machine where it never ran there is none, and sshd refuses before it reads a line.
set -eu
[ "$(id -u)" = 0 ] && user= || user=--map-root-user
# shellcheck disable=SC2086 # one option or none
exec unshare $user --mount --propagation private sh -c '
    mount -t tmpfs tmpfs /run
    mkdir -m 755 /run/sshd
    exec "$1" -t -f "$2" -h "$3"' sh "$@"
