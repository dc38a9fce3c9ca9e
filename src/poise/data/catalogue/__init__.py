"""Named data sets: where they come from, and how a package of them is unpacked."""
