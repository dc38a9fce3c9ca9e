"""Sound as numbers: spectrograms, waves from them without a network, and what is to be spoken as a tensor."""
