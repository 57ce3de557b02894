#!/bin/bash
# boot.sh BASE SEED WORK: boots a copy of BASE in a container, with its own systemd and cloud-init, and with this seed.
#
# The config must power the machine off when it has seen enough. WORK gets upper (what has changed in the tree) and console.
set -euo pipefail
BASE=$(realpath "$1") SEED=$(realpath "$2") WORK=$(realpath "$3")
export BASE SEED WORK

inside() {
	root=$WORK/root
	mkdir -p "$root" "$WORK/upper" "$WORK/overlay"
	mount -t overlay overlay -o "lowerdir=$BASE,upperdir=$WORK/upper,workdir=$WORK/overlay" "$root"
	mkdir -p "$root/var/lib/cloud/seed/nocloud"
	cp "$SEED"/user-data "$SEED"/meta-data "$SEED"/network-config "$root/var/lib/cloud/seed/nocloud/"
	printf 'datasource_list: [NoCloud]\nsystem_info: {distro: almalinux}\n' >"$root/etc/cloud/cloud.cfg.d/99_test.cfg"
	rm -f "$root/etc/machine-id"
	# There is no network to wait for, and no time server.
	for unit in systemd-networkd-wait-online NetworkManager-wait-online chrony-wait; do
		ln -sf /dev/null "$root/etc/systemd/system/$unit.service"
	done
	timeout --kill-after=10 150 systemd-nspawn --quiet --directory="$root" --boot --private-network --register=no \
		--keep-unit --machine=bake-boot-$$ </dev/null >"$WORK/console" 2>&1
}
export -f inside
exec unshare --mount --propagation private bash -euo pipefail -c inside
