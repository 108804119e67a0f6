"""Slurm's nodes as `scontrol` and `sinfo` tell of them, as inventory, states and what is allocated."""
