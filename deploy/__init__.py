"""How Flix is started: on one machine, and (in the files beside this one) in containers."""
