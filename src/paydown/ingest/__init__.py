"""Connector -> store: facts made clean, people made keys, rejects kept, changed days marked, all at once."""

from paydown.ingest.run import Ingested, ingest

__all__ = ["Ingested", "ingest"]
