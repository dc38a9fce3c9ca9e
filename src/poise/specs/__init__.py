"""What a run is asked to do: arguments, read from flags and files, checked and completed by a recipe's signature."""
