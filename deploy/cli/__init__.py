"""`flix`, the command line of an installation. Modules load what a command needs inside it, so that --help is quick."""
