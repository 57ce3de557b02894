#!/bin/bash
# base.sh: makes (once) the root tree that both provisioners start from, and prints its path.
#
# The tree is the running Debian release, from the mirror that apt is configured with, and it is kept in
# ${XDG_CACHE_HOME:-~/.cache}/bake/engines. Needs root, debootstrap and about two minutes the first time.
set -euo pipefail

packages=cloud-init,systemd,systemd-sysv,dbus,sudo,chrony,openssh-server,network-manager,python3-yaml,kmod,procps,e2fsprogs,iproute2
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
stamp=$(printf '%s %s' "$suite" "$packages" | sha256sum | cut -c1-12)
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/bake/engines
base=$cache/$suite-$stamp

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ ! -d "$base" ]; then
	mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Identifier: Packages' |
		awk -v suite="$suite" '$1 == suite { print $2; exit }')
	rm -rf "$base.partial"
	# No daemon may start in the tree, and no file of it may name this machine.
	debootstrap --variant=minbase "$suite" "$base.partial" "$mirror" >&2
	printf '#!/bin/sh\nexit 101\n' >"$base.partial/usr/sbin/policy-rc.d"
	chmod 0755 "$base.partial/usr/sbin/policy-rc.d"
	DEBIAN_FRONTEND=noninteractive chroot "$base.partial" \
		apt-get install -y --no-install-recommends ${packages//,/ } >&2
	chroot "$base.partial" apt-get clean
	mv "$base.partial" "$base"
fi
echo "$base"
