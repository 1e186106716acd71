"""The user's file: its compression and encoding, and its header."""
