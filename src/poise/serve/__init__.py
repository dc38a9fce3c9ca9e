"""`poise serve`: runs looked at in a browser, while they train and afterwards."""
