"""Runs a program in a terminal, types an answer to each of its questions, and prints what the terminal showed.

Usage: terminal.py ANSWERS PROGRAM [ARGUMENT…], each answer in a line of its own
"""

import os
import pty
import re
import sys

answers = sys.argv[1].split("\n")
shown = b""
questions = 0


def read(terminal: int) -> bytes:
    global shown, questions
    data = os.read(terminal, 4096)
    shown += data
    asked = len(re.findall(rb"\[y/N\]|\(not shown\): |to go on: ", shown))
    while questions < min(asked, len(answers)):
        os.write(terminal, answers[questions].encode() + b"\n")
        questions += 1
    return data


def no_input(_: int) -> bytes:
    return b""


sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[2:], read, no_input)))
