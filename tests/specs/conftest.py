"""The small data sets of the tests of runs."""

from tests.runs.conftest import grammar, once, pictures  # noqa: F401
