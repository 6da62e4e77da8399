"""The storage of quiz: the contracts, and their Peewee implementation. Every query is here."""
