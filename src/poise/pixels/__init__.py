"""Pixels of pictures, before anybody knows where they come from or go to."""
