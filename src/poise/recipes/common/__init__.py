"""What all recipes share: what a recipe is, the options of players, what a run costs before it starts."""
