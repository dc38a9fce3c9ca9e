"""What came out of runs and studies, in files for others: tables, figures, one document."""
