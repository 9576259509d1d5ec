"""Runs pip so that it installs for another machine: VERSION MACHINE PYTHON, then pip's own arguments."""

import sys

# Without a name it is the directory this is started in, which is the app's: a `pip.py` there is none of ours.
sys.path[:] = [path for path in sys.path if path]

import os
import runpy

version, machine, python = sys.argv[1:4]
sys.argv = ["pip", *sys.argv[4:]]
# What scripts begin with.
sys.executable = python


def refuse(event, arguments):
    """Lets nothing be started, because what builds a package is anybody's code. Wheels need nothing but a way to log in."""
    started = event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn")
    if started and os.path.basename(os.fsdecode(arguments[0] or "")) != "keyring":
        raise PermissionError("it is no wheel, and building it would run its scripts")


sys.addaudithook(refuse)

# Which packages are needed where is answered for the machine that asks: <https://github.com/pypa/pip/issues/11664>.
from pip._vendor.packaging import markers

there = {
    "implementation_name": "cpython",
    "implementation_version": version,
    "os_name": "posix",
    "platform_machine": machine,
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_system": "Linux",
    "platform_version": "",
    "python_full_version": version,
    "python_version": ".".join(version.split(".")[:2]),
    "sys_platform": "linux",
}
markers.default_environment = lambda: dict(there)
runpy.run_module("pip", run_name="__main__", alter_sys=True)
