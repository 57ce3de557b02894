#!/bin/sh
# quadlet.sh DIR: puts Podman's quadlet generator into DIR and prints its path.
#
# Debian 12's Podman has no quadlet yet. The generator of the next Debian release is one program without further needs,
# so its package is downloaded from the mirror that this machine already uses, and unpacked, not installed.
set -eu
dir=$1
for own in /usr/libexec/podman/quadlet /usr/lib/podman/quadlet; do
    if [ -x "$own" ]; then echo "$own"; exit 0; fi
done
found=$dir/usr/libexec/podman/quadlet
if [ ! -x "$found" ]; then
    mkdir -p "$dir/lists/partial" "$dir/archives/partial"
    sed -n '/^URIs:.*debian\/*$/{s/^URIs: *//;p;q}' /etc/apt/sources.list.d/*.sources 2>/dev/null >"$dir/mirror" || :
    [ -s "$dir/mirror" ] || sed -n 's/^deb \(\[[^]]*\] \)*\([^ ]*debian\/*\) .*/\2/p;' /etc/apt/sources.list | head -n 1 >"$dir/mirror"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(cat "$dir/mirror") trixie main" >"$dir/sources.list"
    apt() {
        apt-get -qq -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$dir/lists" \
            -o Dir::Cache::archives="$dir/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root "$@" >&2
    }
    apt update
    (cd "$dir" && apt download podman/trixie)
    dpkg-deb -x "$dir"/podman_*.deb "$dir"
    rm -rf "$dir/lists" "$dir/archives" "$dir"/podman_*.deb
fi
echo "$found"
