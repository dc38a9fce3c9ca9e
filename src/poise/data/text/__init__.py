"""Sentences out of files, and the alphabets that turn them into numbers."""
