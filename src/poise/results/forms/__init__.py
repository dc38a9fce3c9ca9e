"""A report as one file: HTML, Markdown or PDF."""
