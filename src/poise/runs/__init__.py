"""Single runs, from a spec to a folder: training, stopping and going on; listed, compared, removed, loaded for use."""
