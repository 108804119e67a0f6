"""Stands before Slurm's commands: records what they answer in a folder, or answers from it.

`paydown ingest slurm --ssh "python replay.py FOLDER"` answers as recorded; with RECORD=1 in the environment it asks the
real commands and keeps their answers.
"""

import os
import subprocess
import sys
from pathlib import Path


def name_of(argv):
    """Name the file of a question: `sacct-ended.txt`, `scontrol-node.txt`."""
    program, *rest = argv[argv.index("env") + 1 :] if "env" in argv else argv
    while "=" in program:
        program, *rest = rest
    if program == "sacct":
        kinds = {"--helpformat": "fields", "-X": "jobs", "-s": "ended", "-j": "by-id"}
        return f"sacct-{next(kind for flag, kind in kinds.items() if flag in rest)}.txt"
    words = [word for word in rest if not word.startswith("-") and "=" not in word and word not in ("show", "list")]
    return f"{program}-{words[0]}.txt"


def main(folder, argv):
    """Answer a question."""
    path = Path(folder) / name_of(argv)
    if os.environ.get("RECORD"):
        done = subprocess.run(argv, capture_output=True, check=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(done.stdout)
        sys.stderr.buffer.write(done.stderr)
        sys.stdout.buffer.write(done.stdout)
        return done.returncode
    if not path.exists():
        sys.stderr.write(f"{path.name}: error: was not recorded\n")
        return 1
    sys.stdout.buffer.write(path.read_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
