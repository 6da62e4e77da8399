"""Code that two or more services share. Code with one user stays with its user."""
