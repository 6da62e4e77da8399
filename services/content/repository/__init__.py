"""The storage of content: the contracts, and their Peewee implementation. Every query is here."""
