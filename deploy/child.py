"""Run a module in a process that ends with its starter: `python -m deploy.child STARTER_PID MODULE ARGUMENT...`.

On Linux the kernel sends SIGTERM when the starter is gone, however it ended; gunicorn's master then stops its workers.
The kernel means the thread that started this process, so start it from a thread that lives as long as the starter.
"""

import runpy
import signal
import sys

from services.kit.core.processes import end_with_parent


def main() -> None:
    """Bind this process to the starter, whose process id is the first argument, and run the module in it."""
    starter, module, *arguments = sys.argv[1:]
    if not end_with_parent(int(starter), signal.SIGTERM):
        sys.exit(1)
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
