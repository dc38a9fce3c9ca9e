"""Draw numbers to minibatches, for streams of every kind."""
