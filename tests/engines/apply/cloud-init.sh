#!/bin/bash
# cloud-init.sh BASE WORK SEED [SEED...]: the real cloud-init boots a copy of BASE, once with each seed.
#
# A seed is a folder with user-data, meta-data and network-config. For boot N (from 1), WORK gets treeN.json (what there is
# afterwards), statusN, outputN (what commands said), logN (cloud-init's own log) and callsN (the calls of the programs that
# must not touch this machine, and of systemctl).
# /dev/disk/by-id/virtio-data is an empty disk; dataN is what blkid says of it after boot N. There are cards
# with the addresses that the first network-config asks for.
# CLOUD_INIT may name a folder with the source of another version, and its cloud.cfg, which then runs instead of BASE's.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
BASE=$(realpath "$1") WORK=$(realpath "$2")
shift 2
SEEDS=$(realpath "$@")
export here BASE WORK SEEDS CLOUD_INIT=${CLOUD_INIT:-}

inside() {
	root=$WORK/root
	mkdir -p "$root" "$WORK/upper" "$WORK/overlay"
	mount -t overlay overlay -o "lowerdir=$BASE,upperdir=$WORK/upper,workdir=$WORK/overlay" "$root"
	mount -t proc proc "$root/proc"
	mount -t sysfs -o ro sysfs "$root/sys"
	mount -t tmpfs -o mode=755 run "$root/run"
	mount -t tmpfs -o mode=1777 tmp "$root/tmp"
	# Never this machine's /dev: cloud-init grows the file systems that it finds there.
	mount -t tmpfs -o mode=755 dev "$root/dev"
	for node in null zero full random urandom tty; do
		touch "$root/dev/$node"
		mount --bind "/dev/$node" "$root/dev/$node"
	done
	ln -s /proc/self/fd "$root/dev/fd"
	mkdir -p "$root/dev/shm" "$root/dev/disk/by-id" "$root/run/systemd/system" "$root/run/stub"
	truncate -s 32M "$root/dev/disk/by-id/virtio-data"
	: >"$root/run/cmdline"
	mount --bind "$root/run/cmdline" "$root/proc/cmdline"

	# What would reach beyond the tree only leaves a note. `mountpoint` and `restorecon` answer for a fresh machine.
	for name in mount umount swapon udevadm service timedatectl sysctl modprobe nmcli update-ca-trust augenrules restorecon; do
		printf '#!/bin/sh\necho "%s $*" >>/run/calls\n' "$name" >"$root/run/stub/$name"
	done
	printf '#!/bin/sh\nexit 1\n' >"$root/run/stub/mountpoint"
	printf '#!/bin/sh\n[ "$1" != set-hostname ] || echo "$2" >/etc/hostname\n' >"$root/run/stub/hostnamectl"
	printf '#!/bin/sh\necho "systemctl $*" >>/run/calls\nexec /usr/bin/systemctl "$@"\n' >"$root/run/stub/systemctl"
	chmod +x "$root/run/stub"/*

	# As on AlmaLinux, where nothing here may differ by distribution; no growing, no new host keys.
	cat >"$root/etc/cloud/cloud.cfg.d/99_test.cfg" <<-END
		datasource_list: [NoCloud]
		system_info: {distro: almalinux}
		growpart: {mode: "off"}
		resize_rootfs: false
		ssh_deletekeys: false
		ssh: {emit_keys_to_console: false}
	END
	run=(cloud-init)
	if [ -n "$CLOUD_INIT" ]; then
		mkdir "$root/run/source"
		mount --bind "$CLOUD_INIT" "$root/run/source"
		cp "$CLOUD_INIT/cloud.cfg" "$root/etc/cloud/cloud.cfg"
		run=(env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/run/source python3 -m cloudinit.cmd.main)
	fi
	ip link set lo up
	python3 - ${SEEDS%%$'\n'*}/network-config <<-'END' |
		import sys, yaml
		cards = yaml.safe_load(open(sys.argv[1]))["ethernets"]
		for name, card in cards.items():
		    print(name, card.get("match", {}).get("macaddress", ""))
	END
		while read -r name mac; do
			ip link add "$name" type veth peer name "p-$name"
			[ -z "$mac" ] || ip link set "$name" address "$mac"
		done

	boot=0
	for seed in $SEEDS; do
		boot=$((boot + 1))
		rm -rf "$root/run/cloud-init" "$root/run/calls" "$root"/var/log/cloud-init*.log
		: >"$root/run/calls"
		mkdir -p "$root/var/lib/cloud/seed/nocloud"
		cp "$seed"/user-data "$seed"/meta-data "$seed"/network-config "$root/var/lib/cloud/seed/nocloud/"
		for stage in "init --local" init "modules --mode=config" "modules --mode=final"; do
			# shellcheck disable=SC2086 # a stage is two words
			within "${run[@]}" $stage </dev/null || echo "stage $stage: $?"
		done >"$WORK/stages$boot" 2>&1
		within "${run[@]}" status --long >"$WORK/status$boot" 2>&1 || true
		cp "$root/run/calls" "$WORK/calls$boot"
		cp "$root/var/log/cloud-init.log" "$WORK/log$boot"
		cp "$root/var/log/cloud-init-output.log" "$WORK/output$boot" 2>/dev/null || cp "$WORK/stages$boot" "$WORK/output$boot"
		within blkid -p -s TYPE -s LABEL -s UUID -o export /dev/disk/by-id/virtio-data >"$WORK/data$boot" || true
		python3 "$here/tree.py" "$root" >"$WORK/tree$boot.json"
	done
}
within() {
	chroot "$root" env -i PATH=/run/stub:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"
}
export -f inside within
exec unshare --mount --net --uts --ipc --pid --fork --kill-child --propagation private bash -euo pipefail -c inside
