#!/usr/bin/env python3
"""extract.py NODE_DIR OUT: lays out the files that a built node would get, below OUT.

Reads what was built (config.ign, or user-data as PyYAML understands it), never bake's internals. Owners are left out
(no root needed); modes are kept. Remote sources are an error: nothing is fetched at first boot.
"""
import base64
import gzip
import json
import os
import sys
import urllib.parse


def data_url(source, compression):
    if not source:
        return b""
    if not source.startswith("data:"):
        # Fetched at first boot: the file says from where.
        return source.encode()
    head, _, body = source[5:].partition(",")
    raw = urllib.parse.unquote_to_bytes(body)
    raw = base64.b64decode(raw) if head.endswith(";base64") else raw
    return gzip.decompress(raw) if compression == "gzip" else raw


def put(out, path, data, mode):
    target = out + path
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "ab") as file:
        file.write(data)
    os.chmod(target, mode)


def ignition(path, out):
    config = json.load(open(path, encoding="utf-8"))
    storage = config.get("storage", {})
    for item in storage.get("directories", []):
        os.makedirs(out + item["path"], exist_ok=True)
    for item in storage.get("files", []):
        for part in [item.get("contents", {})] + item.get("append", []):
            put(out, item["path"], data_url(part.get("source"), part.get("compression")), item.get("mode", 0o644))
    for item in storage.get("links", []):
        os.makedirs(os.path.dirname(out + item["path"]), exist_ok=True)
        if not item.get("hard"):
            os.symlink(item["target"], out + item["path"])
    for unit in config.get("systemd", {}).get("units", []):
        base = "/etc/systemd/system/" + unit["name"]
        if unit.get("contents"):
            put(out, base, unit["contents"].encode(), 0o644)
        for dropin in unit.get("dropins", []):
            put(out, f"{base}.d/{dropin['name']}", dropin.get("contents", "").encode(), 0o644)


def cloud_init(path, out):
    import yaml

    text = open(path, "rb").read()
    if not text.startswith(b"#cloud-config\n"):
        sys.exit("user-data without its first line")
    config = yaml.safe_load(text)
    if "network" in config:
        sys.exit("user-data with a network key")
    for item in config.get("write_files", []):
        content, encoding = item.get("content", ""), item.get("encoding", "text/plain")
        data = content if isinstance(content, bytes) else content.encode()
        if encoding in ("b64", "base64", "gz+b64", "gzip+base64"):
            data = base64.b64decode(data, validate=True)
        elif encoding != "text/plain":
            sys.exit(f"encoding {encoding!r}")
        if encoding.startswith("gz"):
            data = gzip.decompress(data)
        put(out, item["path"], data, int(item.get("permissions", "0644"), 8))


node, out = sys.argv[1:]
if os.path.exists(node + "/config.ign"):
    ignition(node + "/config.ign", out)
else:
    cloud_init(node + "/user-data", out)
