"""Metrics that read sentences themselves: n-grams, diversity, copied lines, verse."""
