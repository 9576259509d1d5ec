"""Types a line and a tab into an interactive bash that has loaded a completion script, and prints what the line becomes.

Usage: complete.py SCRIPT LINE
"""

import os
import pty
import re
import select
import sys
import time

script, line = sys.argv[1:]
child, terminal = pty.fork()
if child == 0:
    os.environ.update(TERM="dumb", INPUTRC="/dev/null", HISTFILE="")
    os.execvp("bash", ["bash", "--noprofile", "--norc", "-i"])


def read_until(sign: str, seconds: float) -> str:
    shown = ""
    deadline = time.monotonic() + seconds
    while not re.search(sign, shown) and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 4096).decode()
    return shown


os.write(terminal, b"PS1='ready> '; bind 'set bell-style none'; source '" + script.encode() + b"'; echo load''ed\n")
loaded = read_until(r"loaded\r\nready> ", 30)
os.write(terminal, line.encode() + b"\t")
# Whatever is completed ends in a space.
typed = read_until(re.escape(line) + r"\S* ", 30)
os.write(terminal, b"\x15exit\n")
os.waitpid(child, 0)
print(typed.split("ready> ")[-1].strip())
