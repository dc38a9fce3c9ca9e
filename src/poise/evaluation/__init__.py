"""A finished run, or files, against held-out items: which sides are compared, by which metrics, in which lines."""
