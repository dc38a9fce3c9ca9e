"""Moves that the device is told once and then repeats by itself (CUDA graphs)."""
