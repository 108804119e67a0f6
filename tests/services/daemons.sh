# daemons.sh - starts and ends processes by name; sourced by the other scripts, which set RUN (a folder for what runs) and LOG.
# Of each process its number and its start time are kept, so that a file left behind never leads to another process that was
# given the same number.
die() { echo "$(basename "$0"): $*" >&2; exit 1; }

wait_for() { # wait_for SECONDS COMMAND...: until the command succeeds
    local limit=$1 began=$SECONDS
    shift
    until timeout 10 "$@" >/dev/null 2>&1; do
        [ $((SECONDS - began)) -lt "$limit" ] || { echo "not within $limit s: $*" >&2; return 1; }
        sleep 0.1
    done
}

_stat() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null || true; } # from the state on; the 20th of these is the start time
_born() { _stat "$1" | cut -d' ' -f20; }

alive() { # alive NAME: is the process that start began still there? A zombie is not: its parent may be slow to see it
    local number born
    read -r number born 2>/dev/null <"$RUN/$1.pid" || return 1
    [ -n "$born" ] && [ "$(_born "$number")" = "$born" ] && [ "$(_stat "$number" | cut -c1)" != Z ]
}

start() { # start NAME COMMAND...: detached, what it says goes to $LOG/NAME.out
    local name=$1 number
    shift
    setsid "$@" </dev/null >"$LOG/$name.out" 2>&1 &
    number=$!
    echo "$number $(_born $number)" >"$RUN/$name.pid"
}

_signal() { local number; read -r number _ <"$RUN/$2.pid"; kill "-$1" "$number" 2>/dev/null || true; }

end() { # end NAME...: asks, waits up to 10 s, and ends; only what start began
    local name i
    for name in "$@"; do ! alive "$name" || _signal TERM "$name"; done
    for name in "$@"; do
        for ((i = 0; i < 200; i++)); do alive "$name" || break; sleep 0.05; done
        ! alive "$name" || _signal KILL "$name"
        rm -f "$RUN/$name.pid"
    done
}

named() { # named PATTERN...: the names of what was started and matches
    local file pattern
    for pattern in "$@"; do
        for file in "$RUN"/$pattern.pid; do [ ! -e "$file" ] || basename "$file" .pid; done
    done
}
