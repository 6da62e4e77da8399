"""Auth: people, passwords, sessions and signing keys. Only auth signs tokens; the others verify them."""
