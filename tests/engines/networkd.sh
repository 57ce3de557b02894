#!/bin/sh
# networkd.sh TREE: what the real systemd-networkd makes of TREE/etc/systemd/network.
#
# Runs in namespaces of its own with one veth link per `.network` file, whose MAC address it takes from the file, and prints
# the routes (`ip -4 route`) and addresses when every link is configured. Needs root.
set -eu
export TREE="$1"
exec unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private sh -eu -c '
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /etc/systemd/network
mount -t sysfs -o ro sysfs /sys
cp -r "$TREE"/etc/systemd/network/. /etc/systemd/network/
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
chown -R systemd-network: /run/systemd/netif
ip link set lo up
for file in /etc/systemd/network/*.network; do
    name=$(basename "$file" .network); name=${name#*-}
    ip link add "$name" type veth peer name "peer-$name"
    ip link set "$name" address "$(sed -n "s/^MACAddress=//p" "$file")"
    ip link set "peer-$name" up
done
SYSTEMD_LOG_TARGET=console /lib/systemd/systemd-networkd 2>/run/networkd.log &
/lib/systemd/systemd-networkd-wait-online --timeout=15 --ipv4 --ignore=lo $(for f in /etc/systemd/network/*.network; do n=$(basename "$f" .network); echo "--interface=${n#*-}"; done) >/run/wait.log 2>&1 || { cat /run/wait.log /run/networkd.log >&2; exit 1; }
grep -iE "unknown|failed|invalid|ignoring" /run/networkd.log >&2 || :
echo "# addresses"; ip -br -4 addr show
echo "# routes"; ip -4 route show proto static
'
