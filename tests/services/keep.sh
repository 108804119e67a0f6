#!/bin/bash
# keep.sh UP DOWN - runs UP, says "up" on its standard output, and runs DOWN once its standard input ends. That comes when whoever
# started this is done with it, and also when they are killed: nothing is left running behind them. LOCKS are the numbers of open
# locks that say that the place is taken; what is started does not hold them, so that whoever comes after a killed keeper finds
# the place free, and ends what is left there.
set -uo pipefail
trap : INT TERM HUP # not ignored, which what is started would inherit
without_locks() (
    for lock in ${LOCKS:-}; do eval "exec $lock>&-"; done
    exec "$@"
)
without_locks "$1" </dev/null >&2
brought=$?
if [ "$brought" = 0 ]; then
    echo up
    cat >/dev/null
fi
without_locks "$2" </dev/null >&2
exit "$brought"
