"""A past of finished jobs for the accounting database of a cluster: years of it in seconds, as SQL.

Each GPU node is cut into lanes of 8, 4, 2 or 1 GPUs, and each lane runs one job after another, so that no node ever
holds more than it has. The jobs of one seed are always the same; their numbers begin at FIRST.
"""

import random
from dataclasses import dataclass

FIRST = 1_000_000
LANES = {"gpu01": (8,), "gpu02": (4, 4), "gpu03": (4, 2, 1, 1), "gpu04": (1,) * 8}
CORES_OF_A_GPU = 8
USERS = ("alice", "bob", "carol")
ACCOUNTS = {"alice": "nlp", "bob": "vision", "carol": "prod"}
STATES = {"COMPLETED": (3, 0), "FAILED": (5, 256), "CANCELLED": (4, 0), "TIMEOUT": (6, 0), "OUT_OF_MEMORY": (11, 0)}
"""Slurm's numbers: the state, and the wait status of a job that ends so."""
WEIGHTS = (62, 17, 12, 5, 4)
NO_OFFSET = 4_294_967_294
"""Slurm's number for "not part of a heterogeneous job"."""
CHUNK = 1000
JOB = (
    "job_db_inx,id_job,id_assoc,id_user,id_group,account,`partition`,job_name,submit_line,state,exit_code,nodelist,"
    "nodes_alloc,node_inx,cpus_req,mem_req,tres_alloc,tres_req,timelimit,time_submit,time_eligible,time_start,time_end,"
    "mod_time,id_qos,id_resv,id_wckey,state_reason_prev,het_job_id,het_job_offset,priority"
)
STEP = (
    "job_db_inx,id_step,step_name,state,exit_code,nodelist,nodes_alloc,node_inx,task_cnt,time_start,time_end,user_sec,"
    "user_usec,tres_alloc,tres_usage_in_max,tres_usage_in_tot"
)


@dataclass(frozen=True)
class Past:
    """One finished job; times are Unix seconds."""

    number: int
    user: str
    node: str
    gpus: int
    submit: int
    start: int
    end: int
    state: str

    @property
    def cores(self):
        return self.gpus * CORES_OF_A_GPU

    @property
    def amounts(self):
        """Slurm's amounts by the numbers of its TRES: CPUs, MiB, nodes, billing, GPUs, GPUs of the model."""
        return f"1={self.cores},2={self.gpus * 32000},4=1,5={self.gpus * 16},1001={self.gpus},1002={self.gpus}"


def jobs(count, since, until, seed=7):
    """Give so many jobs of a stretch of time, in no order."""
    dice = random.Random(seed)
    lanes = [(node, gpus) for node, cut in LANES.items() for gpus in cut]
    each = [count // len(lanes) + (lane < count % len(lanes)) for lane in range(len(lanes))]
    return [
        job
        for lane, ((node, gpus), number) in enumerate(zip(lanes, each, strict=True))
        for job in _lane(dice, FIRST + sum(each[:lane]), number, node, gpus, (since, until))
    ]


def _lane(dice, first, count, node, gpus, span):
    """Give the jobs of a lane: with n jobs there are 2n + 1 stretches, of which every second is one."""
    cuts = sorted(dice.sample(range(*span), 2 * count))
    for place in range(count):
        start, end = cuts[2 * place], cuts[2 * place + 1]
        submit = start - int(dice.expovariate(1 / 1800))
        yield Past(
            first + place, dice.choice(USERS), node, gpus, submit, start, end, dice.choices(list(STATES), WEIGHTS)[0]
        )


def sql(past, number_of):
    """Give the statements that add jobs; `number_of(user)` is the user's number on this machine."""
    yield "SET autocommit=0;"
    for table in ("step", "job"):
        yield f"DELETE FROM lab_{table}_table WHERE job_db_inx >= {FIRST};"
    for user, account in ACCOUNTS.items():
        chosen = f"WHERE user='{user}' AND acct='{account}' AND deleted=0"
        yield f"SET @{user}=(SELECT id_assoc FROM lab_assoc_table {chosen});"
    for begin in range(0, len(past), CHUNK):
        chunk = past[begin : begin + CHUNK]
        yield f"INSERT INTO lab_job_table({JOB}) VALUES {','.join(_job(job, number_of(job.user)) for job in chunk)};"
        yield f"INSERT INTO lab_step_table({STEP}) VALUES {','.join(_step(job) for job in chunk)};"
    yield "COMMIT;"


def _job(job, number):
    state, code = STATES[job.state]
    return (
        f"({job.number},{job.number},@{job.user},{number},{number},'{ACCOUNTS[job.user]}','gpu',"
        f"'train-{job.number % 200}','sbatch train.sh',{state},{code},'{job.node}',1,'0',"
        f"{job.cores},{job.gpus * 32000},'{job.amounts}','{job.amounts}',1440,"
        f"{job.submit},{job.submit},{job.start},{job.end},{job.end},1,0,0,0,0,{NO_OFFSET},1000)"
    )


def _step(job):
    used = (job.end - job.start) * job.cores * (job.number % 90 + 5) // 100
    peak = (job.number % 90 + 5) * job.gpus * 320 << 20
    return (
        f"({job.number},-5,'batch',{STATES[job.state][0]},{STATES[job.state][1]},'{job.node}',1,'0',1,{job.start},{job.end},"
        f"{used},0,'{job.amounts}','1={used * 1000},2={peak}','1={used * 1000},2={peak}')"
    )
