#!/usr/bin/env python3
"""systemd_version.py SOCKET VERSION: plays just enough systemd for Ignition.

To enable an instance of a template, Ignition asks systemd for its version, over systemd's private D-Bus socket. There is
no systemd in the tree that it provisions, so this answers every method call with VERSION (a variant of a string).
"""
import os
import socket
import struct
import sys
import threading


def handshake(stream):
    """D-Bus' line protocol: refuse the first empty attempt, accept the next, until BEGIN."""
    stream.read(1)
    while True:
        line = b""
        while not line.endswith(b"\r\n"):
            byte = stream.read(1)
            if not byte:
                return False
            line += byte
        word = line.split()[0]
        if word == b"BEGIN":
            return True
        if word == b"NEGOTIATE_UNIX_FD":
            stream.write(b"AGREE_UNIX_FD\r\n")
        elif word == b"AUTH":
            stream.write(b"REJECTED EXTERNAL\r\n" if line == b"AUTH\r\n" else b"OK " + b"0" * 32 + b"\r\n")


def exactly(stream, count):
    data = b""
    while len(data) < count:
        more = stream.read(count - len(data))
        if not more:
            return None
        data += more
    return data


def padded(data):
    return data + b"\0" * (-len(data) % 8)


def serve(connection, version):
    stream = connection.makefile("rwb", buffering=0)
    if not handshake(stream):
        return
    while True:
        head = exactly(stream, 16)
        if head is None:
            return
        body_length, serial, fields_length = struct.unpack("<III", head[4:16])
        exactly(stream, fields_length + (-fields_length % 8) + body_length)
        if head[1] != 1:  # not a method call
            continue
        text = version.encode()
        body = b"\x01s\0\0" + struct.pack("<I", len(text)) + text + b"\0"
        fields = b"\x05\x01u\0" + struct.pack("<I", serial) + b"\x08\x01g\0\x01v\0"
        stream.write(padded(b"l\x02\x01\x01" + struct.pack("<III", len(body), 1, len(fields)) + fields) + body)


def main(path, version):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(8)
    os.close(1)  # the caller waits for this
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, version), daemon=True).start()


main(*sys.argv[1:])
