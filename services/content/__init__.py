"""Content: events, their lessons and materials, release windows and private access."""
