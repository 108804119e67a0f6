"""Paydown's command line, as it is installed beside this Python."""

import json
import os
import subprocess
import sys
from pathlib import Path

PAYDOWN = Path(sys.executable).with_name("paydown")


def paydown(store, *argv, environment=None, config=os.devnull, code=0):
    """Run a command line on a store and give what it writes to stdout; an error where it ends with another code."""
    command = [PAYDOWN, "--store", str(store), *map(str, argv)]
    done = subprocess.run(
        command,
        env={**(environment or os.environ), "PAYDOWN_CONFIG": str(config)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, f"{argv}: {done.returncode}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


def rows(store, *argv, environment=None):
    """Run a report and give its rows."""
    return json.loads(paydown(store, *argv, "--format", "json", environment=environment))["rows"]
