"""The work of commands: the check of schema and rows, and the command line of every service."""
