"""A process that runs command lines in forked children, each with a fault of `faults.c`; run by the tests.

Reads from stdin one JSON object a line: {"args", "what", "at", "power", "lazy", "without"}; writes one a line: {"code",
"calls", "said"}. The code is that of the command line, or minus the signal that killed it. `without` names protections
of ours to take away, each as `module:function`, which then does nothing.
"""

import ctypes
import importlib
import json
import os
import resource
import sys
import tempfile

import deltalake  # noqa: F401 (loaded before the fork, so that a child starts at once)
import duckdb  # noqa: F401

from paydown.surfaces.cli.main import run

KINDS = {"count": 0, "kill": 1, "full": 2, "fail": 3}
FAULTS = ctypes.CDLL(None)
FAULTS.faults_count.restype = ctypes.c_long


def child(order, place, told, said):
    """Run one command line, armed."""
    for stream in (1, 2):
        os.dup2(said, stream)
    for name in order.get("without", ()):
        module, _, function = name.partition(":")
        setattr(importlib.import_module(module), function, lambda *_, **__: None)
    kind, at = KINDS[order.get("what", "count")], ctypes.c_long(order.get("at", 0))
    FAULTS.faults_arm(place.encode(), kind, at, int(order.get("power", False)), int(order.get("lazy", False)))
    code = run(order["args"])
    sys.stdout.flush()
    os.write(told, json.dumps([code, FAULTS.faults_count()]).encode())
    os._exit(0)


def main(place):
    """Serve."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        reading, writing = os.pipe()
        with tempfile.TemporaryFile() as said:
            pid = os.fork()
            if not pid:
                child(json.loads(line), place, writing, said.fileno())
            os.close(writing)
            _, status = os.waitpid(pid, 0)
            with os.fdopen(reading) as told:
                text = told.read()
            said.seek(0)
            code, calls = json.loads(text) if text else (-os.WTERMSIG(status), None)
            answer = {"code": code, "calls": calls, "said": said.read().decode(errors="replace")}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
