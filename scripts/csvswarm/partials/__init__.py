"""The outputs of attempts (rows, combined frames, sorted runs), their merge, and the assembly of the result."""
