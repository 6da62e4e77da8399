"""How quiz keeps its records: the contracts, and their Peewee implementation. Every query lives here."""
