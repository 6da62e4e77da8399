"""Import an old installation: read its one SQLite file and move its rows into the databases of the three services."""
