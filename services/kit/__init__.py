"""Code that two or more services share. Nothing enters before it has two users."""
