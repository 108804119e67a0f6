#!/bin/bash
# newer.sh COMMAND... - runs a command inside Debian 13's folder (see install) as its root, with this machine's processes and
# devices, the cluster's folder LAB, and these scripts at /services. All of it is mounted in a name space of this command's own:
# what is mounted goes when the last process in it ends.
set -euo pipefail
: "${LAB:?}" "${PAYDOWN_NEWER_SLURM:?}"
if [ -z "${NEWER_INSIDE:-}" ]; then
    NEWER_INSIDE=1 exec unshare --mount --propagation private "$0" "$@"
fi
root=$PAYDOWN_NEWER_SLURM
mkdir -p "$root$LAB" "$root/services"
for folder in proc sys dev; do mount --rbind "/$folder" "$root/$folder"; done
mount --bind "$LAB" "$root$LAB"
mount --bind "$(cd "$(dirname "$0")" && pwd)" "$root/services"
exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    LAB="$LAB" PORT="${PORT:-}" PLUGINS="$root/usr/lib/x86_64-linux-gnu/slurm-wlm" HOLD="${HOLD:-900}" SLURM_CONF="${SLURM_CONF:-}" "$@"
