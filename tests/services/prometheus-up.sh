#!/bin/bash
# prometheus-up.sh - a real Prometheus and node_exporter, and dcgm_exporter.py with four hosts of eight GPUs (GPUS), on loopback
# alone. Each host is a target of its own (job dcgm, instance gpu01:9400). LAB is the folder that holds all of it, PORT the first
# of four ports. The past can be written to it as far back as OUT_OF_ORDER says, by remote write. PYTHON runs the exporter.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/daemons.sh"
: "${LAB:?}" "${PORT:?}"
RUN=$LAB/run LOG=$LAB/log
hosts=(gpu01 gpu02 gpu03 gpu04)
rm -rf "${LAB:?}"/*
mkdir -p "$LAB"/{run,log,data,textfile}

start dcgm "${PYTHON:-python3}" "$here/dcgm_exporter.py" $((PORT + 2)) "${hosts[@]}" --gpus "${GPUS:-8}"
start node prometheus-node-exporter --web.listen-address=127.0.0.1:$((PORT + 1)) --collector.textfile.directory="$LAB/textfile"
{
    cat <<END
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
storage: {tsdb: {out_of_order_time_window: ${OUT_OF_ORDER:-40d}}}
scrape_configs:
- job_name: node
  static_configs: [{targets: ['127.0.0.1:$((PORT + 1))'], labels: {instance: 'gpu01:9100'}}]
END
    for host in "${hosts[@]}"; do
        cat <<END
- job_name: dcgm-$host
  metrics_path: /$host/metrics
  static_configs: [{targets: ['127.0.0.1:$((PORT + 2))'], labels: {job: dcgm, instance: '$host:9400'}}]
- job_name: jobs-$host
  metrics_path: /$host/jobs
  static_configs: [{targets: ['127.0.0.1:$((PORT + 2))'], labels: {job: jobstats, instance: '$host:9306'}}]
END
    done
} >"$LAB/prometheus.yml"
promtool check config "$LAB/prometheus.yml" >"$LOG/check.out" || { cat "$LOG/check.out" >&2; exit 1; }
start prometheus prometheus --config.file="$LAB/prometheus.yml" --storage.tsdb.path="$LAB/data" \
    --storage.tsdb.retention.time=400d --web.listen-address=127.0.0.1:"$PORT" --web.enable-remote-write-receiver \
    --web.enable-admin-api --web.enable-lifecycle
wait_for 60 curl -sf "http://127.0.0.1:$PORT/-/ready"
all_hosts() {
    curl -s "http://127.0.0.1:$PORT/api/v1/query" --data-urlencode 'query=count(count by (Hostname)(DCGM_FI_DEV_FB_USED))' | grep -q ',"4"\]'
}
export PORT
export -f all_hosts
wait_for 60 bash -c all_hosts
