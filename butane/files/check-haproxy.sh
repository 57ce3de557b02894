#!/bin/sh
# Made by bake; changes here are lost.
# Runs in Keepalived's container every two seconds, on the host's network. Asks HAProxy itself: a process that
# exists but hangs is not healthy, and there is no systemd in here to ask.
exec wget -q -T 1 -O /dev/null http://127.0.0.1:8404/healthz
