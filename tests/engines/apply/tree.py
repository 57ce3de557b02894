#!/usr/bin/env python3
"""tree.py ROOT: everything that a provisioner can leave in a tree, as JSON: nodes by path and accounts by name.

Owners are names as ROOT itself knows them; a number that it does not know stays a number.
"""
import hashlib
import json
import os
import stat
import sys

# What no two runs share: interfaces of the kernel, scratch space, logs, caches, locks, backups.
SKIPPED = {"proc", "sys", "dev", "run", "tmp", "var/tmp", "var/log", "var/cache", "var/lib/systemd/random-seed"}
KINDS = {stat.S_IFDIR: "directory", stat.S_IFREG: "file", stat.S_IFLNK: "link", stat.S_IFCHR: "device",
         stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFBLK: "device"}


def table(root, name):
    """The rows of /etc/passwd and its like, by name."""
    try:
        with open(os.path.join(root, "etc", name)) as file:
            rows = (line.rstrip("\n").split(":") for line in file)
            return {row[0]: row[1:] for row in rows if len(row) > 1}
    except FileNotFoundError:
        return {}


def main(root):
    accounts = {name: table(root, name) for name in ("passwd", "group", "shadow", "gshadow")}
    for row in accounts["shadow"].values():
        row[1] = ""  # the day of the last change
    users = {int(row[1]): name for name, row in accounts["passwd"].items()}
    groups = {int(row[1]): name for name, row in accounts["group"].items()}
    nodes, inodes = {}, {}

    def add(path):
        info = os.lstat(os.path.join(root, path))
        kind = KINDS[stat.S_IFMT(info.st_mode)]
        node = {"kind": kind, "mode": format(stat.S_IMODE(info.st_mode), "04o"),
                "owner": "%s:%s" % (users.get(info.st_uid, info.st_uid), groups.get(info.st_gid, info.st_gid))}
        if kind == "link":
            node["target"] = os.readlink(os.path.join(root, path))
            del node["mode"]
        elif kind == "file":
            with open(os.path.join(root, path), "rb") as file:
                node["content"] = hashlib.sha256(file.read()).hexdigest()[:16]
            if info.st_nlink > 1:
                inodes.setdefault((info.st_dev, info.st_ino), []).append("/" + path)
        nodes["/" + path] = node

    def walk(folder):
        for entry in sorted(os.listdir(os.path.join(root, folder))):
            path = os.path.join(folder, entry) if folder else entry
            if path in SKIPPED:
                continue
            add(path)
            if nodes["/" + path]["kind"] == "directory":
                walk(path)

    walk("")
    for names in inodes.values():
        for name in names:
            if len(names) > 1:
                nodes[name]["same_as"] = names
    json.dump({"nodes": nodes, "accounts": accounts}, sys.stdout, indent=0, sort_keys=True)


main(sys.argv[1])
