#!/bin/bash
# seed.sh BASE WORK ISO: the real cloud-init looks for a NoCloud seed on a machine (a copy of BASE) whose only disk is ISO.
#
# Prints as JSON whether it was found, on which device, meta-data, user-data and network-config. Where this kernel has no iso9660,
# `mount` is played by xorriso, which reads the image instead of it; the second line then says `xorriso`, otherwise `kernel`.
set -euo pipefail
BASE=$(realpath "$1") WORK=$(realpath "$2") ISO=$(realpath "$3")
export BASE WORK ISO

inside() {
	root=$WORK/root
	mkdir -p "$root" "$WORK/upper" "$WORK/overlay" "$WORK/image"
	mount -t overlay overlay -o "lowerdir=$BASE,upperdir=$WORK/upper,workdir=$WORK/overlay" "$root"
	mount -t proc proc "$root/proc"
	mount -t sysfs -o ro sysfs "$root/sys"
	mount -t tmpfs -o mode=755 run "$root/run"
	mount -t tmpfs -o mode=1777 tmp "$root/tmp"
	mount -t tmpfs -o mode=755 dev "$root/dev"
	for node in null urandom; do
		touch "$root/dev/$node"
		mount --bind "/dev/$node" "$root/dev/$node"
	done
	: >"$root/run/cmdline"
	mount --bind "$root/run/cmdline" "$root/proc/cmdline"
	device=$(losetup --read-only --find --show "$ISO")
	trap 'losetup --detach "$device"' EXIT
	touch "$root$device"
	mount --bind "$device" "$root$device"
	reader=kernel
	if ! grep -qw iso9660 /proc/filesystems; then
		reader=xorriso
		xorriso -osirrox on -indev "$ISO" -extract / "$WORK/image" >/dev/null 2>&1
		mkdir "$root/run/image" "$root/run/stub"
		cp -r "$WORK/image/." "$root/run/image"
		# The last word is where to mount.
		printf '#!/bin/sh\nfor last; do :; done\ncp /run/image/* "$last"\n' >"$root/run/stub/mount"
		printf '#!/bin/sh\n:\n' >"$root/run/stub/umount"
		chmod +x "$root/run/stub"/*
	fi
	chroot "$root" env -i PATH=/run/stub:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 python3 - <<-'END'
		import json
		from cloudinit import helpers
		from cloudinit.sources import DataSourceNoCloud
		paths = helpers.Paths({"cloud_dir": "/var/lib/cloud", "run_dir": "/run/cloud-init"})
		source = DataSourceNoCloud.DataSourceNoCloud({"datasource": {"NoCloud": {}}}, None, paths)
		found = source.get_data()
		user_data = source.get_userdata_raw()
		print(json.dumps({
		    "found": found,
		    "seed": source.seed,
		    "meta-data": source.metadata,
		    "user-data": user_data.decode() if isinstance(user_data, bytes) else user_data,
		    "network-config": source.network_config,
		}))
	END
	echo "$reader"
}
export -f inside
exec unshare --mount --net --uts --ipc --pid --fork --kill-child --propagation private bash -euo pipefail -c inside
