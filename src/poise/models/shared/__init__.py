"""Pieces of networks of several modalities."""
