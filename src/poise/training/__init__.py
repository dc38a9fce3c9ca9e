"""The one loop and what it needs: schedules, moving averages, precision, checkpoints."""
