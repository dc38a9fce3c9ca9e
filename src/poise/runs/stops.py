"""The ways in which a sitting of a run ends before its last step."""

from __future__ import annotations


class Interrupted(Exception):
    """Somebody asked the run to stop; its state is saved."""


class Enough(Exception):
    """The held-out score has not improved for as long as was asked for."""


class Stop:
    """Set from outside (Ctrl-C) to end the run after the current step."""

    asked = False
