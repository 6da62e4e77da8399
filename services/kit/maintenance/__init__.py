"""Work beside the serving processes: the check of schema and rows, and the command line."""
