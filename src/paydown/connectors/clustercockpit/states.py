"""The states of jobs."""

STATES: dict[str, str] = {
    "boot_fail": "BOOT_FAIL",
    "cancelled": "CANCELLED",
    "completed": "COMPLETED",
    "deadline": "DEADLINE",
    "failed": "FAILED",
    "node_fail": "NODE_FAIL",
    "out-of-memory": "OUT_OF_MEMORY",
    "out_of_memory": "OUT_OF_MEMORY",
    "pending": "PENDING",
    "preempted": "PREEMPTED",
    "running": "RUNNING",
    "suspended": "SUSPENDED",
    "timeout": "TIMEOUT",
}
"""ClusterCockpit's job states (the CHECK of its `job` table) in Slurm's words."""

OPEN = ("RUNNING", "SUSPENDED")
"""States in which a job still holds what it got."""
