#!/bin/bash
# slurm-up.sh - a real Slurm cluster on this one machine, on loopback alone: munged, MariaDB, slurmdbd, slurmctld, and a slurmd for
# each of six nodes. Made up are only the GPUs (device files with nothing behind them) and the sizes of the nodes.
# LAB is the folder that holds all of it, PORT the first of 160 ports. CGROUPS=v1 lets jobs be held in cgroups, which are named
# after the nodes: one cluster of a machine at a time may have them. Needs root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/daemons.sh"
: "${LAB:?}" "${PORT:?}"
RUN=$LAB/run LOG=$LAB/log HOST=$(hostname -s) DATABASE=$LAB/db/socket
export SLURM_CONF=$LAB/etc/slurm.conf
database_port=$((PORT + 6)) control_port=$((PORT + 17)) accounting_port=$((PORT + 19))
sql() { mariadb --no-defaults -uroot -S "$DATABASE" "$@"; }

rm -rf "${LAB:?}"/*
mkdir -p "$LAB"/{run,log,etc,db,state,devices,munge,spool}
chmod 755 "$LAB" "$LAB"/*

# --- munge and MariaDB
chmod 700 "$LAB/munge"
dd if=/dev/urandom of="$LAB/munge/key" bs=128 count=1 status=none
chmod 400 "$LAB/munge/key"
start munged munged --foreground --force --key-file="$LAB/munge/key" --socket="$RUN/munge.sock" \
    --log-file="$LAB/munge/log" --pid-file="$LAB/munge/pid" --seed-file="$LAB/munge/seed"
chown mysql: "$LAB/db"
mariadb-install-db --no-defaults --user=mysql --datadir="$LAB/db" --skip-test-db \
    --auth-root-authentication-method=normal >"$LOG/install-db.out" 2>&1
start mariadbd mariadbd --no-defaults --user=mysql --datadir="$LAB/db" --socket="$DATABASE" --pid-file="$LAB/db/pid" \
    --bind-address=127.0.0.1 --port=$database_port --innodb-buffer-pool-size=128M --innodb-lock-wait-timeout=900 \
    --innodb-flush-log-at-trx-commit=0 --innodb-log-file-size=64M --skip-log-bin
wait_for 60 mariadb-admin --no-defaults -uroot -S "$DATABASE" ping
sql -e "create database slurm_acct_db; create user slurm@'127.0.0.1' identified by 'slurm';
    create user slurm@localhost identified by 'slurm'; grant all on slurm_acct_db.* to slurm@'127.0.0.1';
    grant all on slurm_acct_db.* to slurm@localhost;"

# --- configuration
chown slurm: "$LAB/state"
for i in {0..7}; do mknod -m 666 "$LAB/devices/nvidia$i" c 195 "$i"; done
cat >"$LAB/etc/slurmdbd.conf" <<END
AuthType=auth/munge
AuthInfo=socket=$RUN/munge.sock
DbdHost=localhost
DbdPort=$accounting_port
SlurmUser=slurm
DebugLevel=info
LogFile=$LOG/slurmdbd.log
PidFile=$LAB/state/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$database_port
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
END
chown slurm: "$LAB/etc/slurmdbd.conf"
chmod 600 "$LAB/etc/slurmdbd.conf"
if [ "${CGROUPS:-}" = v1 ]; then
    track=proctrack/cgroup task=task/cgroup gather=jobacct_gather/cgroup memory=NoOverMemoryKill
    cat >"$LAB/etc/cgroup.conf" <<END
CgroupPlugin=cgroup/v1
ConstrainCores=no
ConstrainRAMSpace=yes
ConstrainSwapSpace=no
ConstrainDevices=no
AllowedRAMSpace=100
MinRAMSpace=10
END
else
    track=proctrack/linuxproc task=task/none gather=jobacct_gather/linux memory=OverMemoryKill,UsePss
fi
cat >"$LAB/etc/slurm.conf" <<END
ClusterName=lab
SlurmctldHost=$HOST(127.0.0.1)
SlurmctldPort=$control_port
SlurmUser=slurm
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$RUN/munge.sock
CredType=cred/munge
StateSaveLocation=$LAB/state
SlurmdSpoolDir=$LAB/spool/%n
SlurmctldPidFile=$LAB/state/slurmctld.pid
SlurmdPidFile=$RUN/slurmd.%n.slurmpid
SlurmctldLogFile=$LOG/slurmctld.log
SlurmdLogFile=$LOG/slurmd.%n.log
SlurmctldDebug=info
SlurmdDebug=info
PlugStackConfig=$LAB/etc/plugstack.conf
${PLUGINS:+PluginDir=$PLUGINS}
MpiDefault=none
ReturnToService=2
ProctrackType=$track
TaskPlugin=$task
JobAcctGatherType=$gather
JobAcctGatherFrequency=task=2
JobAcctGatherParams=$memory
# scheduling: quick, because tests wait for it
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,bf_continue,bf_window=20160,sched_interval=5,sched_min_interval=100000
PreemptType=preempt/qos
PreemptMode=REQUEUE
PriorityType=priority/multifactor
PriorityCalcPeriod=1
PriorityWeightAge=1000
PriorityWeightFairshare=10000
PriorityWeightJobSize=1000
PriorityWeightPartition=1000
PriorityWeightQOS=10000
PriorityWeightTRES=CPU=1000,Mem=1000,GRES/gpu=3000
KillWait=2
InactiveLimit=0
MinJobAge=300
SlurmctldTimeout=60
SlurmdTimeout=60
MessageTimeout=20
CompleteWait=0
UnkillableStepTimeout=120
# accounting; the socket of munge has to be told here once more, or sacctmgr does not find it
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort=$accounting_port
AccountingStoragePass=$RUN/munge.sock
AccountingStorageEnforce=associations,limits,qos,safe
AccountingStorageTRES=gres/gpu,gres/gpu:a100
AccountingStoreFlags=job_comment,job_script,job_env
JobCompType=jobcomp/none
# many nodes on one host, with sizes that it does not have
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=gpu[01-04] NodeHostname=$HOST NodeAddr=127.0.0.1 Port=[$((PORT + 101))-$((PORT + 104))] Sockets=2 CoresPerSocket=32 ThreadsPerCore=1 RealMemory=512000 Gres=gpu:a100:8 Feature=a100,nvlink State=UNKNOWN
NodeName=cpu[01-02] NodeHostname=$HOST NodeAddr=127.0.0.1 Port=[$((PORT + 151))-$((PORT + 152))] Sockets=2 CoresPerSocket=16 ThreadsPerCore=1 RealMemory=128000 Feature=cpu State=UNKNOWN
PartitionName=gpu Nodes=gpu[01-04] Default=YES MaxTime=7-0 DefaultTime=01:00:00 State=UP DefMemPerCPU=1000 PriorityJobFactor=10 TRESBillingWeights="CPU=1.0,Mem=0.25G,GRES/gpu=16.0"
PartitionName=cpu Nodes=cpu[01-02] MaxTime=1-0 DefaultTime=01:00:00 State=UP DefMemPerCPU=1000
END
cat >"$LAB/etc/gres.conf" <<END
AutoDetect=off
NodeName=gpu[01-04] Name=gpu Type=a100 File=$LAB/devices/nvidia[0-7]
END
: >"$LAB/etc/plugstack.conf"

# --- accounting; what is known of users has to be there before slurmctld first asks
start slurmdbd slurmdbd -D
wait_for 60 sacctmgr -n show cluster
sacctmgr -i add cluster lab >/dev/null
sacctmgr -i add qos low,high >/dev/null
sacctmgr -i modify qos low set Priority=1 >/dev/null
sacctmgr -i modify qos normal set Priority=100 Preempt=low >/dev/null
sacctmgr -i modify qos high set Priority=1000 Preempt=normal,low >/dev/null
cat >"$LAB/etc/associations" <<END
Cluster - 'lab':Fairshare=1:QOS='normal'
Parent - 'root'
User - 'root':DefaultAccount='root':AdminLevel='Administrator':Fairshare=1
Account - 'research':Description='research':Organization='lab':Fairshare=60
Account - 'prod':Description='prod':Organization='lab':Fairshare=40
Parent - 'research'
Account - 'nlp':Description='nlp':Organization='lab':Fairshare=50
Account - 'vision':Description='vision':Organization='lab':Fairshare=50
Parent - 'nlp'
User - 'alice':DefaultAccount='nlp':Fairshare=50:DefaultQOS='normal':QOS='high,low,normal'
Parent - 'vision'
User - 'bob':DefaultAccount='vision':Fairshare=50:DefaultQOS='normal':QOS='high,low,normal'
Parent - 'prod'
User - 'carol':DefaultAccount='prod':Fairshare=100:DefaultQOS='normal':QOS='high,low,normal'
END
sacctmgr -i load "$LAB/etc/associations" >"$LOG/associations.out" 2>&1

# --- the cluster
start slurmctld slurmctld -D
wait_for 30 scontrol ping
for node in gpu0{1..4} cpu0{1,2}; do
    mkdir -p "$LAB/spool/$node"
    start "slurmd.$node" slurmd -D -N "$node"
done
nodes_up() { [ "$(sinfo -h -N -o '%N %t' | sort -u | grep -c ' idle$')" = 6 ]; }
export -f nodes_up
wait_for 60 bash -c nodes_up
