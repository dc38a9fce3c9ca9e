"""`poise tune`: which strengths and rates for these data? Measured trials, then a confirmation on fresh seeds."""
