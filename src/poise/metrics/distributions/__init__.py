"""Two sets of features compared: distances, neighbours, copies, modes; and the judge of a training run."""
