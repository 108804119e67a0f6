#!/bin/bash
# keep.sh UP DOWN - runs UP, says "up" on its standard output, and runs DOWN once its standard input ends. That comes when whoever
# started this is done with it, and also when they are killed: nothing is left running behind them.
set -uo pipefail
trap : INT TERM HUP # not ignored, which what is started would inherit
"$1" </dev/null >&2
brought=$?
if [ "$brought" = 0 ]; then
    echo up
    cat >/dev/null
fi
"$2" </dev/null >&2
exit "$brought"
