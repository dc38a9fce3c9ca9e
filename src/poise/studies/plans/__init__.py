"""What a study asks: its plan, how a file says it, and the numbers that it reads out of runs."""
