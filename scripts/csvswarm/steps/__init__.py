"""Several steps in one job: row-wise processors in one pass, and any processor at the end."""
