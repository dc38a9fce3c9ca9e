"""From sentences to numbers and back: characters, words, pieces."""
