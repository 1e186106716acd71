"""csvswarm beside GNU parallel on the boards of the lab, and a swarm of one board beside the local engine."""
