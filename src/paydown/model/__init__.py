"""The nouns of Paydown: units, windows, table schemas, batches of facts. Imports nothing of ours but errors."""
