"""A synthetic cluster as small as it goes."""


def make(_folder):
    """Give the connector's settings; there is nothing to write."""
    return {"nodes": 2, "cpu_nodes": 1, "days": 2, "jobs": 80, "interval": 300, "seed": 3}
