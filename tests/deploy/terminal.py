"""Runs a program in a terminal, types an answer to its question, and prints what the terminal showed.

Usage: terminal.py ANSWER PROGRAM [ARGUMENT…]
"""

import os
import pty
import sys

answer, *command = sys.argv[1:]
shown = b""
answered = False


def read(terminal: int) -> bytes:
    global shown, answered
    data = os.read(terminal, 4096)
    shown += data
    if not answered and b"[y/N]" in shown:
        answered = True
        os.write(terminal, answer.encode() + b"\n")
    return data


def no_input(_: int) -> bytes:
    return b""


sys.exit(os.waitstatus_to_exitcode(pty.spawn(command, read, no_input)))
