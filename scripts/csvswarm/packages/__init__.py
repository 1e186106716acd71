"""The packages that a user's processor needs besides those of csvswarm: locked, installed, importable."""
