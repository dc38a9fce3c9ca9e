"""Runs that go on beyond their end: for so many steps more, or for so many minutes."""
