"""Which rows of a batch are computed by this process, and what is drawn for them."""
