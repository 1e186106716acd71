"""The driver of a job on boards: splits, runs rounds of containers, retries, collects, and reports its status."""
