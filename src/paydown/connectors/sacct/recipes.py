"""How dumps of sacct are made, and what it takes to make them whole."""

from __future__ import annotations

from paydown.connectors.interface import Recipe

FORMAT = (
    "JobID,Cluster,Partition,QOS,Account,User,Submit,Eligible,Start,End,Elapsed,State,ExitCode,NNodes,NCPUS,ReqMem,"
    "ReqTRES,AllocTRES,Timelimit,NodeList,NTasks,TotalCPU,AveCPU,MaxRSS,AveRSS,TRESUsageInTot,TRESUsageInAve,"
    "AdminComment,JobName"
)
"""The fields worth asking for that every version since 18.08 has; JobName last: a `|` in a name breaks nothing."""

_ROLE = (
    "any user, where slurmdbd.conf has no PrivateData=jobs; else a user with AdminLevel=Operator "
    "(`sacctmgr modify user NAME set AdminLevel=Operator`), who can also change jobs and nodes"
)
_WITHOUT = (
    "with PrivateData=jobs a plain user gets only their own jobs, and a coordinator those of their accounts; "
    "sacct does not say so, and what others held looks free"
)
_WINDOW = "put dates for START and END, such as 2026-01-01 and 2026-02-01; they are UTC here"
_ALL_ROWS = "-a asks for every user's jobs, -D for every start of a requeued job"

RECIPES = (
    Recipe(
        title="text, Slurm 18.08 and newer",
        commands=(f"TZ=UTC SLURM_BITSTR_LEN=0 sacct -a -D -P -S START -E END --format={FORMAT} | gzip > jobs.txt.gz",),
        role=_ROLE,
        without=_WITHOUT,
        notes=(
            _WINDOW,
            _ALL_ROWS,
            "without SLURM_BITSTR_LEN=0 long lists of pending array tasks are cut off",
            "add Comment and SubmitLine (21.08 and newer) before JobName to tell what kind of jobs they are",
            "add Restarts where `sacct --helpformat` has it (24.11 does, 22.05 does not): it numbers the attempts",
            "on a busy cluster ask for a day or a week at a time: one long query holds slurmdbd",
        ),
    ),
    Recipe(
        title="JSON, Slurm 22.05 and newer",
        commands=("sacct -a -D --json -S START -E END | gzip > jobs.json.gz",),
        role=_ROLE,
        without=_WITHOUT,
        notes=(
            "put dates for START and END, such as 2026-01-01 and 2026-02-01; they are local, what is written is not",
            _ALL_ROWS + "; 22.05 gives every start with and without -D",
            "7 to 15 kB for each job, all in sacct's memory at once; the text has a twentieth of that",
            "22.05 gives failed jobs the exit code 0, and jobs no CPU time: prefer the text there",
        ),
    ),
)
"""The ways, the best first."""
