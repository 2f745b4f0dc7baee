#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stands in for QEMU and a kernel: its last argument names a scenario, which it plays on the channel."""
import os
import struct
import sys
import time

OUTPUT, WANT_INPUT, EXITED, MESSAGE, WANT_CLOCK = 1, 2, 3, 4, 5
INPUT, END_OF_INPUT, SIGNAL, STOP, CLOSED, CLOCK = 64, 65, 66, 67, 68, 69


def send(kind, argument=0, payload=b""):
    data = struct.pack("<BBHI", kind, argument, 0, len(payload)) + payload
    while data:
        data = data[os.write(1, data):]


def read_exactly(count):
    data = b""
    while len(data) < count:
        piece = os.read(0, count - len(data))
        if not piece:
            sys.exit(0)
        data += piece
    return data


def receive():
    kind, argument, _, length = struct.unpack("<BBHI", read_exactly(8))
    return kind, argument, read_exactly(length)


def leave(kind, value):
    send(EXITED, kind, struct.pack("<I", value))
    # QEMU does not end by itself either.
    while True:
        time.sleep(60)


def hello():
    send(OUTPUT, 1, b"out\n")
    send(OUTPUT, 2, b"err\n")
    send(OUTPUT, 1, b"more\n")
    leave(0, 7)


def echo():
    """Asks for five bytes at a time and returns them in brackets."""
    while True:
        send(WANT_INPUT, 0, struct.pack("<I", 5))
        kind, _, data = receive()
        if kind == END_OF_INPUT:
            leave(0, 0)
        if kind != INPUT or not 0 < len(data) <= 5:
            leave(0, 99)
        send(OUTPUT, 1, b"[" + data + b"]")


def no_input():
    """Ends without ever wanting input."""
    leave(0, 0)


def big():
    for index in range(200):
        send(OUTPUT, 1 + index % 2, bytes([index]) * 65536)
    leave(0, 0)


def signal():
    send(OUTPUT, 1, b"ready\n")
    while True:
        kind, number, _ = receive()
        if kind == SIGNAL:
            leave(1, number)


def stubborn():
    """Answers nothing, whatever it is asked."""
    send(OUTPUT, 1, b"ready %d\n" % os.getpid())
    while True:
        time.sleep(60)


def stops():
    while receive()[0] != STOP:
        pass
    leave(1, 9)


def yes():
    """Writes until nobody reads, as `yes` does."""
    import select
    while True:
        send(OUTPUT, 1, b"y\n" * 512)
        while select.select([0], [], [], 0)[0]:
            kind, stream, _ = receive()
            if kind == CLOSED and stream == 1:
                leave(1, 13)


def crash():
    send(MESSAGE, 5, b"SIGSEGV at 0x0\nrip 0x1234")
    leave(1, 11)


def panic():
    send(MESSAGE, 5, b"kernel panic at kernel+0x10")
    leave(3, 0)


def not_started():
    leave(2, 2)


def messages():
    for level in range(6):
        send(MESSAGE, level, b"level %d" % level)
    leave(0, 0)


def dies():
    os.write(2, b"fake: no such device\n")
    sys.exit(1)


def garbage():
    os.write(1, b"this is not a frame at all")
    time.sleep(60)


def clock():
    send(WANT_CLOCK)
    kind, _, data = receive()
    send(OUTPUT, 1, b"%d" % struct.unpack("<Q", data)[0])
    leave(0, 0)


def files():
    """Shows what it was given, to see that another process can open it."""
    arguments = sys.argv
    with open(arguments[arguments.index("-initrd") + 1], "rb") as file:
        send(OUTPUT, 1, file.read().hex().encode() + b"\n")
    drive = arguments[arguments.index("-drive") + 1]
    with open(drive.split("file=")[1].split(",")[0], "rb") as file:
        file.seek(512)
        send(OUTPUT, 1, file.read(8) + b"\n")
    send(OUTPUT, 1, " ".join(arguments).encode() + b"\n")
    leave(0, 0)


globals()[sys.argv[-1]]()
