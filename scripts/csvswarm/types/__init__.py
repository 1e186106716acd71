"""Column types, and the conversion of text to them."""
