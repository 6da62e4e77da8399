"""Auth: people, passwords, sessions and signing keys. It alone signs tokens; everyone else verifies."""
