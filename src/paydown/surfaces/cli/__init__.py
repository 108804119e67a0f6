"""The command line: `paydown VERB`."""
