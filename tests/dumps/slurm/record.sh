#!/bin/bash
# record.sh FOLDER - how the answers in these folders were recorded: what Slurm's commands say of one moment, each in a file.
# Run where PATH and SLURM_CONF lead to a cluster of tests/services on which the scene below was set.
set -uo pipefail
mkdir -p "$1"
cd "$1" || exit
newer=$(sinfo -V | grep -q ' 2[3-9]' && echo yes)
sinfo -V >version.txt
date -u +%FT%TZ >recorded-at.txt

squeue -a --json >squeue.json
squeue -a -O 'JobID:|,JobArrayID:|,State:|,Reason:|,UserName:|,Account:|,Partition:|,QOS:|,SubmitTime:|,EligibleTime:|,StartTime:|,EndTime:|,TimeLimit:|,NodeList:|,NumNodes:|,tres-alloc:|,tres-per-node:|,Priority:|,Nice:|,Name:|,Comment:|,Dependency:|,Reservation:|,PreemptTime:|,RestartCnt:|' >squeue-O.txt 2>/dev/null
squeue -a -r -h -o '%i|%F|%K|%T|%r|%u|%a|%P|%q|%V|%e|%S|%l|%N|%D|%b|%C|%m|%Q|%v|%j' >squeue-r-o.txt
scontrol -d show job >scontrol-d-show-job.txt
scontrol -d -o show job >scontrol-d-o-show-job.txt
scontrol -d show node >scontrol-d-show-node.txt
scontrol -d -o show node >scontrol-d-o-show-node.txt
scontrol show partition >scontrol-show-partition.txt
scontrol show reservation >scontrol-show-reservation.txt
scontrol show config >scontrol-show-config.txt
if [ -n "$newer" ]; then
    for what in job node partition reservation; do scontrol show "$what" --json >"scontrol-show-$what.json"; done
    sdiag --json >sdiag.json
fi
sinfo -a -N -h -o '%N|%P|%T|%t|%G|%C|%m|%e|%E|%H|%u|%f' >sinfo-N.txt
sinfo -R -h -o '%N|%T|%E|%H|%u' >sinfo-R.txt
sinfo --json >sinfo.json
sdiag >sdiag.txt
for what in assoc qos user account reservation tres cluster 'event all_time'; do
    # shellcheck disable=SC2086 - two words are two arguments
    sacctmgr -P show $what >"sacctmgr-show-${what%% *}-P.txt"
    [ -z "$newer" ] || sacctmgr show $what --json >"sacctmgr-show-${what%% *}.json" 2>/dev/null || rm "sacctmgr-show-${what%% *}.json"
done
more=
[ -z "$newer" ] || more=,Restarts # 22.05 does not know it
columns=JobIDRaw,JobID,State,User,Account,Partition,QOS,Submit,Eligible,Start,End,Suspended,Timelimit,NodeList,NNodes,AllocTRES,ReqTRES,Reason,Reservation,Flags,ExitCode,DerivedExitCode,Priority,WCKey,Cluster,JobName$more
sacct -a -X -D -P -S midnight -o "$columns" >sacct-X-D-P.txt
find . -empty -delete
find . -name '*.json' -size +40k -exec gzip -9nf {} +
