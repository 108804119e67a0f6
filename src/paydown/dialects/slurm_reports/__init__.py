"""What Slurm's own reports say: sreport, seff, the state of roll-ups."""
