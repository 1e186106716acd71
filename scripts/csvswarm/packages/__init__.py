"""The packages that a user's processor needs beside those of csvswarm: locked, installed, importable."""
