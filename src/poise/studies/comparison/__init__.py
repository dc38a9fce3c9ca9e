"""From the numbers of many runs to intervals and verdicts."""
