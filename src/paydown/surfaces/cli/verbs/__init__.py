"""The verbs that are not reports: one file each, which holds its click command as `COMMAND`."""
