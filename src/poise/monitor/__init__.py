"""Seeing what goes wrong: signals while training, and `diagnose(record) -> findings`. `diagnose` needs no torch."""

from poise.monitor.findings.diagnose import diagnose
from poise.monitor.findings.finding import Finding, Record

__all__ = ["Finding", "Record", "diagnose"]
