"""Folders, archives and arrays of pictures, to uint8 at one size."""
