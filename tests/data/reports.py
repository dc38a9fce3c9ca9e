"""What `poise data check` says of a folder or file, all of it at once."""

from __future__ import annotations

from typing import Any

from poise.cli.checking import report_lines


def facts(*asked: Any, **more: Any) -> list[str]:
    """All lines."""
    return list(report_lines(*asked, **more))
