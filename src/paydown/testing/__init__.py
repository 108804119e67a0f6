"""For tests, ours and others': a text notation of tiny clusters, folders of facts, the connector conformance suite.

docs/testing.md describes all of it.
"""

from paydown.testing.checks import Reading
from paydown.testing.conformance import check_connector
from paydown.testing.folder import write_facts
from paydown.testing.notation import NotationError
from paydown.testing.tiny import tiny

__all__ = ["NotationError", "Reading", "check_connector", "tiny", "write_facts"]
