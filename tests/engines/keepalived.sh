#!/bin/sh
# keepalived.sh TREE CONTAINER_DIR: the real `keepalived --config-test` on TREE/etc/keepalived/keepalived.conf.
#
# keepalived judges a configuration against the machine that it runs on: interfaces and their addresses must exist. So this
# runs in a network namespace with the interface and source address that the file names, and sees the folder where the
# container sees it (CONTAINER_DIR). Any output and any status but 0 is a failure: status 0 with a missing file is one of its
# habits. Needs root.
set -eu
export TREE="$1" SEEN="$2"
exec unshare --mount --net --propagation private sh -eu -c '
conf=$TREE/etc/keepalived/keepalived.conf
[ -s "$conf" ]
for interface in $(sed -n "s/^ *interface \([^ ]*\).*/\1/p" "$conf" | sort -u); do
    ip link add "$interface" type veth peer name "peer-$interface"
    ip addr add "$(sed -n "s/^ *unicast_src_ip \([^ ]*\).*/\1/p" "$conf" | head -n 1)/24" dev "$interface"
    ip link set "$interface" up
done
ip link set lo up
mount -t tmpfs tmpfs /mnt
mkdir -p /mnt/seen && cp -r "$TREE"/etc/keepalived/. /mnt/seen/ && chown -R root: /mnt/seen
[ -d "$SEEN" ] || { mount -t tmpfs tmpfs "$(dirname "$SEEN")"; mkdir -p "$SEEN"; }
mount --bind /mnt/seen "$SEEN"
output=$(keepalived --config-test -l -f "$SEEN/keepalived.conf" 2>&1) || { echo "status $?: $output"; exit 1; }
[ -z "$output" ] || { echo "$output"; exit 1; }
'
