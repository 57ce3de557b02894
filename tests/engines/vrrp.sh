#!/bin/bash
# vrrp.sh TREES FAULT VIP SECONDS: what the real Keepalived does when something fails on the holder of VIP.
#
# TREES holds the files of two nodes, `lb1` (the first holder) and `lb2`. Both run HAProxy and Keepalived, each in a network
# namespace of its own, on one bridge, with the addresses in LB1 and LB2. FAULT is `node`, `link`, `haproxy`, `hung` (HAProxy) or `keepalived`. Prints the node that holds the VIP
# after that and the seconds it took, or `lb1 -` when nothing moved for SECONDS. Needs root; everything ends with the script.
set -eu
TREES=$(realpath "$1") FAULT=$2 VIP=$3 LIMIT=$4
if [ -z "${INSIDE:-}" ]; then
	INSIDE=1 exec unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private "$0" "$@"
fi
exec 2>"$TREES/log"
mount -t tmpfs tmpfs /run
mkdir /run/netns
# A fixed address: else the bridge takes the lowest of its ports', and changes it when a node dies.
ip link add br0 address 52:54:00:00:00:01 type bridge stp_state 0 forward_delay 0
ip link set br0 up

start() { # node, address
	local node=$1 address=$2
	ip netns add "$node"
	ip link add "v-$node" type veth peer name eth0 netns "$node"
	ip link set "v-$node" master br0 up
	ip -n "$node" addr add "$address/24" dev eth0
	ip -n "$node" link set eth0 up
	ip -n "$node" link set lo up
	ip netns exec "$node" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_nonlocal_bind'
	# /run is the node's own: Keepalived and HAProxy keep their process ids there.
	ip netns exec "$node" unshare --mount --propagation private bash -c '
		mount -t tmpfs tmpfs /run
		mkdir -p /etc/keepalived
		mount --bind "$0/etc/keepalived" /etc/keepalived
		haproxy -db -f "$0/etc/haproxy/haproxy.cfg" & echo $! >"$0/haproxy.pid"
		sleep 0.3
		keepalived -n -l -D -P -f /etc/keepalived/keepalived.conf & echo $! >"$0/keepalived.pid"
		wait' "$TREES/$node" >"$TREES/$node/log" 2>&1 &
}
holds() { [ -n "$(ip -n "$1" -4 -o addr show dev eth0 to "$VIP/32" 2>/dev/null)" ]; }
now() { # hundredths of a second
	local up rest
	read -r up rest </proc/uptime
	echo "${up/./}"
}

start lb1 "${LB1:-10.0.0.11}"
start lb2 "${LB2:-10.0.0.12}"
deadline=$(($(now) + 1500))
until holds lb1 && ! holds lb2; do
	[ "$(now)" -lt "$deadline" ] || { echo "nobody elected"; exit 1; }
	sleep 0.1
done
# Both have heard each other, and every script has run.
sleep 2.5
holds lb1 && ! holds lb2 || { echo "not settled"; exit 1; }

begin=$(now)
case $FAULT in
# First the cable: a killed Keepalived says goodbye, a dead machine does not.
node) ip link del v-lb1; kill -KILL "$(cat "$TREES/lb1/keepalived.pid")" ;;
link) ip link set v-lb1 down ;;
haproxy) kill -KILL "$(cat "$TREES/lb1/haproxy.pid")" ;;
hung) kill -STOP "$(cat "$TREES/lb1/haproxy.pid")" ;;
keepalived) kill -TERM "$(cat "$TREES/lb1/keepalived.pid")" ;;
esac
while [ $(($(now) - begin)) -lt $((LIMIT * 100)) ]; do
	if holds lb2; then
		took=$(($(now) - begin))
		printf 'lb2 %d.%02d\n' $((took / 100)) $((took % 100))
		exit 0
	fi
	sleep 0.03
done
if holds lb1; then echo "lb1 -"; else echo "nobody -"; fi
