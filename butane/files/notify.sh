#!/bin/sh
# Made by bake; changes here are lost.
# notify.sh VIP STATE: leaves the state where the host can read it, and a line in the container's log.
vip=$1
state=$2
dir=/state
printf '%s\n' "$state" >"$dir/.$vip" && mv -f "$dir/.$vip" "$dir/$vip"
# Keepalived closes its scripts' output; process 1 is Keepalived, whose output is the log.
echo "vip $vip: $state" >/proc/1/fd/1
exit 0
