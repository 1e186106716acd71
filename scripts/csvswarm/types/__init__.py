"""The types of columns, and text converted to values of them."""
