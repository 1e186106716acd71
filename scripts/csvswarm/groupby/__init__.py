"""The state of `aggregate`: tables of any number of groups, and plain totals of few."""
