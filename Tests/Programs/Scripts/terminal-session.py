#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A person at a terminal, and the shell in it: runs a command on a pseudoterminal and plays steps.

    terminal-session.py [--errors-apart] STEPS COMMAND...

STEPS is a JSON list of lists: ["expect", TEXT] waits until the command has written TEXT; ["send", TEXT] types it;
["size", ROWS, COLUMNS] changes the window; ["stopped"] waits until the command has stopped itself; ["continue"] brings
it to the foreground again; ["kill", SIGNAL] sends it a signal; ["pause", SECONDS] waits. Everything that the terminal showed goes to standard output,
lines about the job between it; the exit code is the command's. With --errors-apart the command's standard error is this
program's, and not the terminal."""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

LIMIT = 120


def shell(command, errors, reports, orders):
    """Job control as a shell does it, without a prompt of its own."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    attributes = termios.tcgetattr(0)
    attributes[0] |= 0x4000  # IUTF8, which terminal emulators set.
    termios.tcsetattr(0, termios.TCSANOW, attributes)
    os.read(orders, 1)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        if errors is not None:
            os.dup2(errors, 2)
        os.execvp(command[0], command)
    try:
        os.setpgid(job, job)
    except PermissionError:
        pass  # It has done so itself, and is past it.
    os.write(reports, f"{job}\n".encode())
    os.tcsetpgrp(0, job)
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        os.tcsetpgrp(0, os.getpgrp())
        local = termios.tcgetattr(0)[3]
        mode = "line by line" if local & termios.ICANON and local & termios.ECHO else "raw"
        if not os.WIFSTOPPED(status):
            code = os.waitstatus_to_exitcode(status)
            os.write(reports, f"ended {code if code >= 0 else 128 - code} {mode}\n".encode())
            # Whatever is in the terminal is to be seen before it goes away.
            os.read(orders, 1)
            os._exit(0)
        os.write(reports, f"stopped {mode}\n".encode())
        os.read(orders, 1)
        os.tcsetpgrp(0, job)
        os.kill(-job, signal.SIGCONT)


class Session:
    def __init__(self, steps, command, errors_apart):
        errors = os.dup(2) if errors_apart else None
        self.reports, report_end = os.pipe()
        order_end, self.orders = os.pipe()
        pid, self.terminal = pty.fork()
        if pid == 0:
            try:
                shell(command, errors, report_end, order_end)
            finally:
                os._exit(126)
        os.close(report_end)
        os.close(order_end)
        self.deadline = time.monotonic() + LIMIT
        # Not yet looked at.
        self.pending = b""
        self.reported = b""
        # A size at the beginning is the one that the command starts with.
        while steps and steps[0][0] == "size":
            self.play(steps.pop(0))
        os.write(self.orders, b"s")
        while b"\n" not in self.reported:
            if not self.wait():
                self.fail("the shell did not start")
        job, _, self.reported = self.reported.partition(b"\n")
        self.job = int(job)

    def fail(self, what):
        sys.stdout.buffer.write(self.pending)
        sys.exit(f"terminal-session: {what}")

    def wait(self):
        """Takes what comes next from the terminal or the shell; false if that is nothing any more."""
        ready, _, _ = select.select([self.reports, self.terminal], [], [], max(0, self.deadline - time.monotonic()))
        if not ready:
            self.fail("nothing happened for too long")
        for file in ready:
            try:
                data = os.read(file, 65536)
            except OSError:
                data = b""
            if file == self.reports:
                self.reported += data
            else:
                self.pending += data
            if not data:
                return False
        return True

    def expect(self, text):
        text = text.encode()
        while text not in self.pending:
            if b"ended" in self.reported or not self.wait():
                self.drain()
                self.fail(f"the command ended and had not written {text}")
        end = self.pending.index(text) + len(text)
        sys.stdout.buffer.write(self.pending[:end])
        self.pending = self.pending[end:]

    def report(self):
        while b"\n" not in self.reported:
            if not self.wait():
                self.fail("the shell ended")
        line, _, self.reported = self.reported.partition(b"\n")
        self.drain()
        sys.stdout.buffer.write(self.pending + b"[" + line + b"]\n")
        self.pending = b""
        return line.decode().split()

    def drain(self):
        """What the terminal still has."""
        while select.select([self.terminal], [], [], 0.3)[0]:
            try:
                data = os.read(self.terminal, 65536)
            except OSError:
                data = b""
            if not data:
                break
            self.pending += data

    def play(self, step):
        kind, *values = step
        if kind == "expect":
            self.expect(values[0])
        elif kind == "send":
            os.write(self.terminal, values[0].encode())
        elif kind == "size":
            fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", *values, 0, 0))
        elif kind == "pause":
            time.sleep(values[0])
        elif kind == "stopped":
            if self.report()[0] != "stopped":
                self.fail("the command ended instead of stopping")
        elif kind == "continue":
            os.write(self.orders, b"c")
        elif kind == "kill":
            os.kill(self.job, signal.Signals["SIG" + values[0]])
        else:
            self.fail(f"there is no step {kind}")

    def end(self):
        words = self.report()
        while words[0] != "ended":
            words = self.report()
        os.write(self.orders, b"e")
        return int(words[1])


def main():
    arguments = sys.argv[1:]
    errors_apart = arguments[0] == "--errors-apart"
    steps, *command = arguments[errors_apart:]
    steps = json.loads(steps)
    session = Session(steps, command, errors_apart)
    for step in steps:
        session.play(step)
    code = session.end()
    sys.stdout.flush()
    sys.exit(code)


main()
