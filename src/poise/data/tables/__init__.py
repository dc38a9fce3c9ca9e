"""Tables of anybody: their encoding, delimiter, columns."""
