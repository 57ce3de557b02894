#!/usr/bin/env python3
"""served.py WHAT TREE ADDRESS CLIENT STRANGER [ARG]: a real daemon runs a node's baked files and is asked over the network.

WHAT is `dns` (ARG: JSON list of [name, type]), `ntp` or `postgresql` (ARG: folder of the server's programs). The daemon has
ADDRESS and the node's own packet filter; CLIENT, somebody who may ask, and STRANGER, somebody who may not, are addresses in
a second network namespace. Run it in network, mount and process namespaces of its own: it changes all of them. Prints what
everybody got as JSON. There is no CoreDNS in Debian, so its zone files are served by BIND.
"""
import json
import os
import socket
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

PATIENCE = 1.5
TYPES = {"A": 1, "PTR": 12}


def sh(*words, **more):
    return subprocess.run(words, check=True, **more)


def ask(source, address, port, data):
    """What UDP brings back, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(PATIENCE)
        s.bind((source, 0))
        s.sendto(data, (address, port))
        try:
            return s.recv(4096)
        except OSError:
            return None


def name_at(data, at):
    """A name of DNS (RFC 1035, 4.1.4), and where it ends."""
    labels, end = [], None
    while True:
        length = data[at]
        if length & 0xC0:
            end = end or at + 2
            at = (length & 0x3F) << 8 | data[at + 1]
        elif length == 0:
            return ".".join(labels), end or at + 1
        else:
            labels.append(data[at + 1:at + 1 + length].decode())
            at += 1 + length


def dns(source, address, name, kind):
    """The answers to a question, sorted; None if nobody answers."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    reply = ask(source, address, 53, struct.pack(">6H", 7, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", TYPES[kind], 1))
    if reply is None:
        return None
    answers, at = [], 12
    _, at = name_at(reply, at)
    at += 4
    for _ in range(struct.unpack(">H", reply[6:8])[0]):
        _, at = name_at(reply, at)
        length = struct.unpack(">H", reply[at + 8:at + 10])[0]
        at += 10
        answers.append(socket.inet_ntoa(reply[at:at + 4]) if kind == "A" else name_at(reply, at)[0])
        at += length
    return sorted(answers)


def ntp(source, address):
    """Mode and stratum of a time server's answer (RFC 5905), or None."""
    reply = ask(source, address, 123, bytes([0x23]) + bytes(47))
    return reply and {"mode": reply[0] & 7, "stratum": reply[1], "bytes": len(reply)}


def postgresql(source, address):
    """How the server greets somebody: `R` asks for a password, `E` refuses (with what it says); None: no connection."""
    with socket.socket() as s:
        s.settimeout(PATIENCE)
        s.bind((source, 0))
        try:
            s.connect((address, 5432))
            body = struct.pack(">I", 196608) + b"user\0postgres\0database\0postgres\0\0"
            s.sendall(struct.pack(">I", len(body) + 4) + body)
            reply = s.recv(4096)
        except OSError:
            return None
    return chr(reply[0]) + (" " + reply[5:].replace(b"\0", b" ").decode(errors="replace") if reply[:1] == b"E" else "")


ASK = {"dns": dns, "ntp": ntp, "postgresql": postgresql}


def zones(corefile):
    """Zones and their files, of a Corefile."""
    zone, found = "", []
    for line in open(corefile, encoding="utf-8"):
        words = line.split()
        if words and not line[0].isspace() and words[-1] == "{":
            zone = words[0]
        elif words[:1] == ["file"]:
            found.append((zone, words[1]))
    return found


def start(what, tree, address, programs):
    """Starts the daemon; what it says goes to a file."""
    log = open("/run/log", "wb")
    popen = lambda *words: subprocess.Popen(words, stdout=log, stderr=log)
    if what == "dns":
        conf = "options { directory \"/run\"; listen-on { %s; 127.0.0.1; }; listen-on-v6 { none; }; recursion no; pid-file none; session-keyfile none; };\n" % address
        conf += "controls {};\n"
        conf += "".join('zone "%s" { type master; file "%s%s"; };\n' % (zone, tree, path) for zone, path in zones(tree + "/etc/coredns/Corefile"))
        open("/run/named.conf", "w").write(conf)
        return popen("named", "-g", "-c", "/run/named.conf")
    if what == "ntp":
        for folder in ("/var/lib/chrony", "/var/log/chrony"):
            os.makedirs(folder, exist_ok=True)
            sh("mount", "-t", "tmpfs", "t", folder)
        return popen("chronyd", "-d", "-x", "-u", "root", "-f", tree + "/etc/chrony.conf")
    os.makedirs("/etc/postgresql", exist_ok=True)
    sh("mount", "--bind", tree + "/etc/postgresql", "/etc/postgresql")
    sh("mount", "-t", "tmpfs", "t", "/var/lib/postgresql")
    for folder in ("/var/lib/postgresql", "/run/postgresql"):
        os.makedirs(folder, exist_ok=True)
        sh("chown", "postgres:", folder)
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    data = "/var/lib/postgresql/data"
    # Who may connect is said by the baked file, not by the one that this makes.
    sh(*user, programs + "/initdb", "-D", data, "--auth=trust", stdout=log, cwd="/")
    return popen(*user, programs + "/postgres", "-c", "config_file=/etc/postgresql/postgresql.conf")


def main(what, tree, address, client, stranger, arg=""):
    sh("mount", "-t", "tmpfs", "-o", "mode=755", "t", "/run")
    os.makedirs("/run/netns")
    sh("ip", "netns", "add", "other")
    sh("ip", "link", "set", "lo", "up")
    sh("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", "other")
    sh("ip", "address", "add", address + "/32", "dev", "eth0")
    sh("ip", "link", "set", "eth0", "up")
    sh("ip", "route", "add", "default", "dev", "eth0")
    for other in (client, stranger):
        sh("ip", "-n", "other", "address", "add", other + "/32", "dev", "eth0")
    sh("ip", "-n", "other", "link", "set", "eth0", "up")
    sh("ip", "-n", "other", "route", "add", address, "dev", "eth0")
    sh("nft", "-f", tree + "/etc/nftables/bake.nft")
    daemon = start(what, tree, address, arg)

    def outside(source):
        words = ["ip", "netns", "exec", "other", sys.executable, __file__, "ask", what, source, address, arg]
        return json.loads(sh(*words, stdout=subprocess.PIPE).stdout)

    deadline = time.monotonic() + 20
    questions = [[q] for q in json.loads(arg)[:1]] if what == "dns" else [[]]
    ready = lambda: ASK[what](address, address, *(questions[0][0] if questions[0] else []))
    while ready() is None:
        if daemon.poll() is not None or time.monotonic() > deadline:
            sys.exit("the daemon does not answer:\n" + open("/run/log").read())
        time.sleep(0.05)
    said = {"client": outside(client), "stranger": outside(stranger)}
    if what == "postgresql":
        # The server's own word, without the packet filter before it.
        sh("nft", "flush", "ruleset")
        said["open"] = {"client": outside(client), "stranger": outside(stranger)}
    daemon.terminate()
    print(json.dumps(said))


if sys.argv[1] == "ask":
    _, _, what, source, address, arg = sys.argv
    questions = json.loads(arg) if what == "dns" else [[]]
    # All at once: somebody who may not ask waits for every answer in vain.
    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(lambda question: ASK[what](source, address, *question), questions if source else []))
    print(json.dumps(answers if what == "dns" else answers[0]))
else:
    main(*sys.argv[1:])
