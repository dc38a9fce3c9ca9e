"""Figures of numbers: letters of any script, colours, panels of curves, and how they are kept."""
