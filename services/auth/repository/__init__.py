"""The storage of auth: the contracts, and their Peewee implementation. Every query is here."""
