"""The runs of a study: tried before they start, spread over processes, seen while they go on."""
