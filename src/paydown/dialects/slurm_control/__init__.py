"""What Slurm's controller says as text: its configuration, its queue, its reservations (`scontrol show`)."""
