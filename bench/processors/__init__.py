"""The workloads as pandas code: csvswarm runs these files as processors, and the pandas-based peers import them."""
