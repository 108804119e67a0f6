#!/bin/bash
# newer-up.sh - slurm-up.sh with the newer Slurm, and LAB/bin: its commands for use from outside of the folder, by any user.
# They are the newer programs themselves, run by the newer loader with the newer libraries.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$PAYDOWN_NEWER_SLURM libraries=usr/lib/x86_64-linux-gnu
mkdir -p "$root$(dirname "$root")"
[ -e "$root$root" ] || ln -s / "$root$root" # so that one name of the folder of plugins holds inside and outside
"$here/newer.sh" /services/slurm-up.sh
mkdir -p "$LAB/bin"
for name in squeue sacct sinfo scontrol sacctmgr sbatch srun scancel sdiag sprio sshare sreport; do
    printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' "$root/usr/lib64/ld-linux-x86-64.so.2" \
        "$root/$libraries/slurm-wlm:$root/$libraries" "$root/usr/bin/$name" >"$LAB/bin/$name"
done
chmod 755 "$LAB"/bin/*
