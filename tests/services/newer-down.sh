#!/bin/bash
# newer-down.sh - ends what newer-up.sh started.
set -euo pipefail
exec "$(dirname "$0")/newer.sh" /services/slurm-down.sh
