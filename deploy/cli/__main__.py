"""`python -m deploy.cli`, which the launchers `flix` run."""

from deploy.cli.app import app

if __name__ == "__main__":
    app(prog_name="flix")
