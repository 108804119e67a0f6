"""Readings of telemetry, those of Prometheus first, as samples of devices and hosts."""
