#!/bin/bash
# prometheus-down.sh - ends what prometheus-up.sh started, and removes LAB's content.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/daemons.sh"
: "${LAB:?}"
RUN=$LAB/run LOG=$LAB/log
[ -d "$RUN" ] || exit 0
end prometheus node dcgm
rm -rf "${LAB:?}"/*
