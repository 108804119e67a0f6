"""A small dump of sacct, every row made by hand: jobs with steps, an array, a requeue, one that waits."""

COLUMNS = (
    "JobID|Cluster|Partition|QOS|Account|User|Submit|Eligible|Start|End|Elapsed|ExitCode|State|NNodes|NCPUS|ReqMem"
    "|ReqTRES|AllocTRES|Timelimit|NodeList|JobName|MaxRSS|TotalCPU|TRESUsageInAve|TRESUsageInMax|TRESUsageInTot"
)
T = "2024-03-01T"
GPUS = "billing=8,cpu=8,gres/gpu:a100=2,gres/gpu=2,mem=64G,node=1"
CPUS = "billing=4,cpu=4,mem=16G,node=1"
STEP = "cpu=00:40:00,gres/gpumem=40G,gres/gpuutil=150,mem=30G"


def job(job_id, times, state, tres, node, more="|||||", code="0:0"):
    """Give one row: times are (submit, eligible, start, end, elapsed)."""
    submit, eligible, start, end, elapsed = times
    who = "lab|gpu|normal|chem|annabel"
    line = f"{job_id}|{who}|{submit}|{eligible}|{start}|{end}|{elapsed}|{code}|{state}|1|8|64G|{tres}|{tres}"
    return f"{line}|1-00:00:00|{node}|train{more}"


def times(submit, start, end, elapsed):
    """Give the times of one day; nothing between submit and eligible."""
    return (
        T + submit,
        T + submit,
        start if start == "Unknown" else T + start,
        end if end == "Unknown" else T + end,
        elapsed,
    )


RAN = times("08:00:00", "08:10:00", "09:10:00", "01:00:00")
ROWS = (
    job("100", RAN, "COMPLETED", GPUS, "n1"),
    job("100.batch", RAN, "COMPLETED", GPUS, "n1", f"|2G|00:40:00|{STEP}|{STEP}|{STEP}"),
    job("100.extern", RAN, "COMPLETED", GPUS, "n1"),
    job("101_1", times("08:00:00", "08:30:00", "08:45:00", "00:15:00"), "FAILED", CPUS, "n2", code="1:0"),
    job("101_[2-4%2]", times("08:00:00", "Unknown", "Unknown", "00:00:00"), "PENDING", "", "None assigned"),
    job("102", times("08:00:00", "08:05:00", "08:06:00", "00:01:00"), "NODE_FAIL", CPUS, "n3"),
    job("102", times("08:06:00", "08:20:00", "08:50:00", "00:30:00"), "CANCELLED by 1234", CPUS, "n2"),
    job("103", times("09:00:00", "09:01:00", "Unknown", "00:09:00"), "RUNNING", GPUS, "n1"),
)


def make(folder):
    """Write the sample and give the connector's settings for it."""
    path = folder / "dump.txt"
    path.write_text("\n".join((COLUMNS, *ROWS)) + "\n")
    return {"files": (str(path),)}
