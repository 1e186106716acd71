"""The job directory: manifest, receipts, rounds, and the protocol that commits them."""
