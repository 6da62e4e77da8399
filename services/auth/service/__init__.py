"""The use cases of auth. One method is one transaction."""
