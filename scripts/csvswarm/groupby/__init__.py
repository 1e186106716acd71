"""The state of `aggregate`: tables for any number of groups, plain totals for few."""
