"""Slurm's accounting as `sacct` tells it, in text or JSON, as jobs, allocations and figures of use."""
