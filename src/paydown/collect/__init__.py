"""Reading the configured sources again and again, in one process, into one store."""
