"""What every metric stands on: sets of features, estimates with intervals, and sums over pairs in tiles."""
