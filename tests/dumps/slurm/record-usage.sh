#!/bin/bash
# record-usage.sh FOLDER - what Slurm says of the same jobs and sums of them, after it has summed their hours.
set -uo pipefail
cd "$1" || exit
span=(Start="$(date -d '5 hours ago' +%FT%H:00)" End="$(date +%FT%H:00)")
sacct -a -D -P -S "${span[0]#*=}" -E "${span[1]#*=}" \
    -o JobIDRaw,JobID,State,User,Account,Partition,QOS,Submit,Eligible,Start,End,Suspended,NodeList,AllocTRES,ExitCode,JobName >usage-sacct-D-P.txt
sacctmgr -P show event Start="${span[0]#*=}" End="${span[1]#*=}" >usage-sacctmgr-show-event-P.txt
for unit in Seconds Minutes; do
    sreport -P -t "$unit" -T ALL cluster Utilization "${span[@]}" >"usage-sreport-Utilization-$unit.txt"
done
for report in AccountUtilizationByUser UserUtilizationByAccount; do
    sreport -P -t Seconds -T cpu,mem,gres/gpu,gres/gpu:a100 cluster "$report" "${span[@]}" >"usage-sreport-$report.txt"
done
