"""Recipes: the only place where data, networks, losses and penalties meet. Their arguments are the configuration."""
