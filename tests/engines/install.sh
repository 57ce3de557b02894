#!/bin/sh
# install.sh LIST: installs the Debian packages of LIST that are missing, where that can be done.
#
# Nothing is started by it: the daemons are run by the tests, in namespaces of their own.
set -eu
missing=
for package in $(sed -n 's/^\([a-z0-9][^ ]*\).*/\1/p' "$1"); do
    dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "not Debian: install the equals of$missing by hand; tests without their engine are skipped" >&2
    exit 0
fi
if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=sudo
else
    echo "no root: install$missing by hand; tests without their engine are skipped" >&2
    exit 0
fi
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
    trap '$as_root rm -f "$policy"' EXIT
fi
# shellcheck disable=SC2086 # a list of words
{
    $as_root apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
}
