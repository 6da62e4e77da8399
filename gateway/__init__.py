"""The only public entry: it knows addresses and joins responses; it owns no table and no rule of the domain."""
