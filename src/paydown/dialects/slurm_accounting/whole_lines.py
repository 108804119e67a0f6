"""Lines of sacct that texts of jobs broke: a name, a comment or a command may hold line ends."""

from __future__ import annotations

SEPARATOR = "\x1f"
"""What stands between cells where Paydown itself asks: unlike `|`, no job's name or command has it."""


def whole_lines(answer: bytes) -> bytes:
    """Join the lines of each row again; the last cell must be one that has no line ends, such as State."""
    separator = SEPARATOR.encode()
    wanted = answer.partition(b"\n")[0].count(separator)
    lines = answer.split(b"\n")
    if all(line.count(separator) == wanted for line in lines[:-1]):
        return answer
    whole: list[bytes] = []
    for line in lines[:-1]:
        if whole and whole[-1].count(separator) < wanted:
            whole[-1] += b" " + line
        else:
            whole.append(line)
    return b"\n".join([*whole, lines[-1]])
