"""What is said to people in another language than English: see `translating.py`."""

from poise.words.translating import language, lines_within, translated

__all__ = ["language", "lines_within", "translated"]
