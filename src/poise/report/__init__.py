"""What a person sees: the live view, pictures, tables. Reads numbers and arrays; never imports torch."""
