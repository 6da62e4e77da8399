"""The only public door: it knows addresses and joins answers; it owns no table and no rule of the domain."""
