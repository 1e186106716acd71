"""Compares csvswarm with GNU parallel on the boards of the lab, and a swarm of one board with the local engine."""
