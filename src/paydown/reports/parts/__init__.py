"""What reports are made of: parameters, windows and people, cuts of the ledger, and what stands beside a figure."""
