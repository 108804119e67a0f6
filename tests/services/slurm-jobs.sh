#!/bin/bash
# slurm-jobs.sh - really submits a small mixed workload as alice, bob and carol, and returns when every state that it names is
# there. Prints one line `NAME ID` for each job. Some run on, wait or are held afterwards (HOLD seconds at most).
# Needs root; SLURM_CONF names the cluster.
set -euo pipefail
hold=${HOLD:-900}
declare -A number

submit() { # submit USER NAME 'shell lines' OPTIONS-OF-SBATCH...
    local user=$1 name=$2 lines=$3 said
    shift 3
    said=$(runuser -u "$user" -- env SLURM_CONF="$SLURM_CONF" sbatch --parsable -D /tmp -o /dev/null -J "$name" "$@" --wrap "$lines")
    number[$name]=${said%%;*}
    echo "$name ${number[$name]}"
}

state() { squeue -h -a -t all -o %T -j "${number[$1]}" 2>/dev/null | sort -u | paste -sd,; }

wait_state() { # wait_state NAME STATES: until its state is one of those (an extended regular expression)
    local i found
    for ((i = 0; i < 200; i++)); do
        found=$(state "$1")
        [[ $found =~ ^($2)$ ]] && return 0
        sleep 0.2
    done
    echo "job $1 is $found, not $2" >&2
    return 1
}

# --- what ends within seconds; sbatch --wrap runs /bin/sh
submit alice cpu-ok 'timeout 4 sh -c "while :; do :; done"; true' -p cpu -c 2 --mem=500 -t 5
submit bob fails 'exit 3' -p gpu --gres=gpu:1 -c 4 --mem=1000 -t 5
submit carol array 'sleep 2; [ $SLURM_ARRAY_TASK_ID != 2 ]' -p cpu -a 0-3%2 -c 1 --mem=100 -t 5
submit bob steps 'srun -n2 sleep 1; srun -n1 --gres=gpu:1 sleep 1' -p gpu --gres=gpu:2 -n 2 --mem=2000 -t 5
submit alice oom 'python3 -c "x=bytearray(400<<20); import time; time.sleep(3)"' -p cpu -c 1 --mem=60 -t 5
# --- what runs on
submit alice gpu2 "sleep $hold" -p gpu --gres=gpu:2 -c 8 --mem=64000 -t 60 --comment=owner-note
submit bob gpu4 "srun sleep $hold" -p gpu --gres=gpu:4 -c 16 --mem=128000 -t 120
submit carol gpu8 "sleep $hold" -p gpu --gpus-per-node=8 -N 1 -c 8 --mem=100000 -t 1-0
submit carol multinode "srun sleep $hold" -p gpu -N 2 --gres=gpu:2 --ntasks-per-node=1 -c 4 --mem=32000 -t 90
number[het]=$(runuser -u alice -- env SLURM_CONF="$SLURM_CONF" sbatch --parsable -D /tmp -o /dev/null -J het -p cpu -c 1 --mem=200 -t 30 : \
    -p gpu --gres=gpu:1 -c 2 --mem=4000 -t 30 --wrap "sleep $hold")
echo "het ${number[het]}"
submit bob lowqos "sleep $hold" -p gpu -q low --gres=gpu:1 -c 2 --mem=1000 -t 30 --requeue
submit alice cancelled "sleep $hold" -p gpu --gres=gpu:1 -c 2 --mem=1000 -t 30
submit alice timesout "sleep $hold" -p cpu -c 1 --mem=100 -t 1
submit bob requeued "sleep $hold" -p cpu -c 1 --mem=100 -t 30 --requeue
for name in "${!number[@]}"; do wait_state "$name" '[^P].*|.*,.*'; done # none of them is PENDING
# --- what waits
submit bob waits 'sleep 5' -p gpu -N 4 --gres=gpu:8 -c 4 --mem=1000 -t 60
submit carol nice 'sleep 5' -p gpu -w gpu01 --gres=gpu:1 -c 1 --mem=100 -t 5 --nice=500
submit alice held 'sleep 5' -p gpu --gres=gpu:1 -c 1 --mem=100 -t 5 -H
submit carol later 'sleep 5' -p cpu -c 1 --mem=100 -t 5 --begin=now+2hours
submit alice after 'sleep 5' -p cpu -c 1 --mem=100 -t 5 -d "afterok:${number[gpu2]}"
submit bob never 'sleep 5' -p cpu -c 1 --mem=100 -t 5 -d "afterok:${number[fails]}"
submit alice parray 'sleep 5' -p cpu -c 1 --mem=100 -t 5 -a 0-9%2 -d "afterok:${number[gpu4]}"

wait_state cancelled RUNNING
scancel "${number[cancelled]}"
wait_state requeued RUNNING
scontrol requeue "${number[requeued]}" # waits for about two minutes (its begin time), then runs again
wait_state timesout RUNNING
scontrol update JobId="${number[timesout]}" EndTime=now+3 # limits are whole minutes; slurmctld looks every 30 s
scontrol update JobId="${number[gpu4]}" AdminComment=paydown:example
wait_state fails FAILED
wait_state cancelled CANCELLED
wait_state oom 'OUT_OF_MEMORY|FAILED' # without cgroups the job ends by itself or fails
wait_state cpu-ok COMPLETED
wait_state steps COMPLETED
wait_state timesout TIMEOUT
