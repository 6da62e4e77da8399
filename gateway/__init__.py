"""The only public process: it routes requests and joins responses. It has no database and no rule of the domain."""
