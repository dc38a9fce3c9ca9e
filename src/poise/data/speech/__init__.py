"""Recordings: read, resampled, judged by their loudness, cut into segments."""
