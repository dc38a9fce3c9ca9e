"""Games: who plays, and what a turn may look at. They see networks by protocol only."""
