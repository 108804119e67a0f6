#!/bin/bash
# slurm-down.sh - ends what slurm-up.sh started, in an order that leaves nothing behind, and removes LAB's content.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/daemons.sh"
: "${LAB:?}"
RUN=$LAB/run LOG=$LAB/log
export SLURM_CONF=$LAB/etc/slurm.conf
[ -d "$RUN" ] || exit 0

jobs_left() { timeout 10 squeue -h -a -o %A 2>/dev/null | sort -u; }
with_children() { local child; echo "$1"; for child in $(pgrep -P "$1"); do with_children "$child"; done; }
steps_left() { # a slurmstepd outlives its slurmd; those of this lab hold a log of its folder open
    local number
    for number in $(pgrep -x slurmstepd); do
        ! ls -l "/proc/$number/fd" 2>/dev/null | grep -qF -- "-> $LAB/log/slurmd." || with_children "$number"
    done
}

if alive slurmctld && jobs=$(jobs_left) && [ -n "$jobs" ]; then # under their slurmd: a step that is killed leaves its tasks behind
    timeout 20 scancel $jobs 2>/dev/null || true
    for ((i = 0; i < 150; i++)); do [ -n "$(jobs_left)" ] || break; sleep 0.1; done
fi
end slurmctld
end $(named 'slurmd.*')
for number in $(steps_left); do kill -KILL "$number" 2>/dev/null || true; done
end slurmdbd
end mariadbd
end munged
[ ! -e "$LAB/etc/cgroup.conf" ] || find /sys/fs/cgroup -depth -type d -path '*/slurm_[gc]pu0[0-9]*' -exec rmdir {} + 2>/dev/null || true
rm -rf "${LAB:?}"/*
