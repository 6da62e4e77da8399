"""The failure of a command, for people."""


class CommandFailed(Exception):
    """A command cannot be done; each line of the message says why, and what to do."""

    @property
    def lines(self) -> list[str]:
        """The lines of the message; none where they were written already."""
        return str(self).splitlines()
