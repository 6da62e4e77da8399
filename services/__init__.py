"""The services of Flix: each in its own package, deployed on its own, with its own database."""
