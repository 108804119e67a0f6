"""The edge in: one file a source. Each yields batches of facts, rejects, and what it vouches for."""
