"""What is written about a study: files, a page, plots, tables, sentences."""
