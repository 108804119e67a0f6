"""The questions to Slurm's commands. Each is one call for all jobs or all nodes; none is asked for each job."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from paydown.dialects.slurm_accounting.whole_lines import SEPARATOR
from paydown.dialects.slurm_control.config import ControlConfig, read_config
from paydown.dialects.slurm_control.limits import ASSOC_FORMAT, QOS_FORMAT, Limit, read_limits
from paydown.dialects.slurm_control.reservations import Reservation, read_reservations
from paydown.dialects.slurm_control.view import DatabaseConfig, View, read_database_config, view_of
from paydown.model.units import MS_PER_SECOND
from paydown.model.window import from_ms
from paydown.outside.commands import Commands

ENVIRONMENT = ("env", "TZ=UTC", "SLURM_TIME_FORMAT=standard", "SLURM_BITSTR_LEN=0")
"""Times in UTC whatever the machine's zone and the user's settings, and lists of array tasks that are not cut off."""

FIELDS = (
    "JobID", "JobName", "Comment", "AdminComment", "SubmitLine", "WCKey", "Constraints", "Reason", "Restarts",
    "Cluster", "User", "Account", "Partition", "QOS", "Submit", "Eligible", "Start", "End", "Elapsed", "ExitCode",
    "NNodes", "NCPUS", "ReqMem", "ReqTRES", "AllocTRES", "Timelimit", "Priority", "NodeList", "State",
)  # fmt: skip
"""The fields of jobs; State last, so that line ends in names and comments can be mended."""

STEP_FIELDS = ("NTasks", "TotalCPU", "AveCPU", "MaxRSS", "AveRSS", "TRESUsageInAve", "TRESUsageInTot", "TRESUsageInMax")
"""The fields of what steps measured."""

ENDED = "CA,CD,DL,F,NF,OOM,PR,TO,BF,RQ,RS,RV"
"""The states in which a row of accounting has ended."""

COMPLAINT = re.compile(r"\b\w+: (error|fatal):")
"""What Slurm's commands write to standard error where they fail; some end with 0 all the same."""


class Slurm:
    """Slurm's commands, which are counted."""

    def __init__(self, commands: Commands) -> None:
        self.commands = commands

    def config(self) -> ControlConfig:
        """Give what the controller says of its configuration, and its clock."""
        return read_config(self._text("scontrol", "show", "config"))

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields that this version's sacct knows; it asks no server for them."""
        return frozenset(self._text("sacct", "--helpformat").split())

    def jobs(self, from_ms_: int, to_ms: int) -> bytes:
        """Give the rows of all jobs that were there in a window, without steps."""
        return self._sacct(FIELDS, "-X", *_window(from_ms_, to_ms))

    def ended(self, from_ms_: int, to_ms: int) -> bytes:
        """Give the rows of the jobs that ended in a window, with their steps."""
        return self._sacct((*STEP_FIELDS, *FIELDS), "-s", ENDED, *_window(from_ms_, to_ms))

    def by_id(self, jobs: Sequence[str]) -> bytes:
        """Give the rows of some jobs, whenever they were, with their steps."""
        return self._sacct((*STEP_FIELDS, *FIELDS), "-j", ",".join(jobs))

    def queue(self) -> str:
        """Give the controller's jobs, with the devices that they hold."""
        return self._text("scontrol", "-a", "-d", "-o", "show", "job")

    def nodes(self) -> bytes:
        """Give the nodes."""
        return self._ask("scontrol", "-a", "-d", "-o", "show", "node")

    def reservations(self) -> list[Reservation]:
        """Give the reservations that there are."""
        return read_reservations(self._text("scontrol", "-a", "-o", "show", "reservation"))

    def told(self) -> str:
        """Say how much was asked."""
        return f"{self.commands.calls} calls of Slurm's commands."

    def database(self) -> DatabaseConfig:
        """Give what accounting says of its configuration."""
        return read_database_config(self._text("sacctmgr", "-nP", "show", "configuration"))

    def view(self, config: ControlConfig, database: DatabaseConfig) -> View:
        """Work out what is seen; only where something is hidden it matters who asks."""
        if not config.private | database.private:
            return view_of(config, database, "", "")
        user = self._text("id", "-un").strip()
        level = self._text("sacctmgr", "-nP", "show", "user", user, "format=AdminLevel").strip()
        return view_of(config, database, user, level)

    def limits(self, cluster: str | None) -> list[Limit]:
        """Give what accounts, users and QOS may hold at most."""
        assoc = self._text("sacctmgr", "-nP", "show", "assoc", f"format={ASSOC_FORMAT}")
        qos = self._text("sacctmgr", "-nP", "show", "qos", f"format={QOS_FORMAT}")
        return read_limits(assoc, qos, cluster)

    def _text(self, *argv: str) -> str:
        return self._ask(*argv).decode(errors="replace")

    def _sacct(self, fields: Sequence[str], *more: str) -> bytes:
        wanted = ",".join(name for name in fields if name in self.fields)
        return self._ask("sacct", "-a", "-D", "-P", f"--delimiter={SEPARATOR}", *more, "-o", wanted)

    def _ask(self, *argv: str) -> bytes:
        return self.commands.ask([*ENVIRONMENT, *argv], complaint=COMPLAINT)


def _window(from_ms_: int, to_ms: int) -> tuple[str, str, str, str]:
    """Ask for a second more: sacct leaves out jobs that became eligible in the last one."""
    return "-S", in_utc(from_ms_), "-E", in_utc(to_ms + MS_PER_SECOND)


def in_utc(ms: int) -> str:
    """Write an instant as Slurm's commands read and write it, with TZ=UTC.

    >>> in_utc(1000)
    '1970-01-01T00:00:01'
    """
    return f"{from_ms(ms):%Y-%m-%dT%H:%M:%S}"
