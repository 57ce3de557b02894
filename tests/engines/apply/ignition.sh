#!/bin/bash
# ignition.sh BASE CONFIG WORK: the real Ignition (stages fetch and files) provisions a copy of BASE.
#
# Leaves in WORK: tree.json (what there is afterwards), ignition.log. The copy is an overlay in a namespace of its own:
# BASE and this machine stay as they are. IGNITION may name the engine.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
BASE=$(realpath "$1") CONFIG=$(realpath "$2") WORK=$(realpath "$3")
export here BASE CONFIG WORK IGNITION=${IGNITION:-/usr/lib/dracut/modules.d/30ignition/ignition}

inside() {
	root=$WORK/root scratch=$WORK/scratch
	mkdir -p "$root" "$scratch" "$WORK/upper" "$WORK/overlay"
	mount -t overlay overlay -o "lowerdir=$BASE,upperdir=$WORK/upper,workdir=$WORK/overlay" "$root"
	mount -t tmpfs scratch "$scratch"

	# The engine is built to relabel for SELinux, and fails at its end without a policy and `setfiles`.
	made=
	[ -d "$root/etc/selinux" ] || { mkdir "$root/etc/selinux"; made=yes; }
	mount -t tmpfs selinux "$root/etc/selinux"
	mkdir -p "$root/etc/selinux/none/contexts/files" "$scratch/bin"
	: >"$root/etc/selinux/none/contexts/files/file_contexts"
	echo SELINUXTYPE=none >"$root/etc/selinux/config"
	printf '#!/bin/sh\ncat >/dev/null\n' >"$scratch/bin/setfiles"
	chmod +x "$scratch/bin/setfiles"
	export PATH=$scratch/bin:$PATH:/usr/sbin:/sbin

	mkdir -p /run/systemd
	mount -t tmpfs systemd /run/systemd
	version=$(systemctl --version | awk 'NR == 1 { print $2 }')
	python3 "$here/systemd_version.py" /run/systemd/private "$version" >/dev/null &
	until [ -S /run/systemd/private ]; do sleep 0.05; done

	export IGNITION_CONFIG_FILE=$CONFIG
	for stage in fetch files; do
		"$IGNITION" --platform=file --root="$root" --stage="$stage" --config-cache="$scratch/config.json" \
			--state-file="$scratch/state" --neednet="$scratch/neednet" --log-to-stdout >>"$WORK/ignition.log" 2>&1 || exit
	done
	umount "$root/etc/selinux"
	[ -z "$made" ] || rmdir "$root/etc/selinux"

	# systemd enables units by presets when it finds itself on its first boot; this is that moment.
	preset=$root/etc/systemd/system-preset/20-ignition.preset
	[ ! -e "$preset" ] || while read -r _ unit instances; do
		for name in ${instances:-""}; do
			systemctl --quiet --root="$root" preset "${unit/@./@$name.}"
		done
		[ -n "$instances" ] || systemctl --quiet --root="$root" preset "$unit"
	done <"$preset"
	python3 "$here/tree.py" "$root" >"$WORK/tree.json"
}
export -f inside
exec unshare --mount --net --pid --fork --kill-child --propagation private bash -euo pipefail -c inside
