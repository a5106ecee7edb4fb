"""Kernels for the pages: each is forked from one process that has imported everything.

To import takes 4 s of CPU, and there are fifty pages. `begin(folder)` forks that process and writes a specification of the kernel
``python3`` into ``folder``; Jupyter then runs this file, which asks for a fork and lives as long as the fork does. On
systems other than Linux kernels are made as ever.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import threading
from pathlib import Path


def begin(folder: Path) -> None:
    """Fork kernels from this process as it is now; JAX must not have begun to compute."""
    if not sys.platform.startswith("linux"):
        return
    import matplotlib.pyplot  # noqa: F401
    import optax  # noqa: F401
    from ipykernel import kernelapp  # noqa: F401

    import brainsim  # noqa: F401

    gc.collect()
    gc.freeze()  # what has been imported is shared by all kernels, and none searches it for garbage
    door = str(folder / "door")
    kernel = folder / "kernels" / "python3"
    kernel.mkdir(parents=True)
    command = [sys.executable, "-S", __file__, door, "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "Python", "language": "python"}))
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(folder), os.environ.get("JUPYTER_PATH")]))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(door)
    listener.listen(64)
    ends, kept = os.pipe()  # ends with this process, which keeps the other side
    if os.fork() == 0:
        try:  # what happens here must not go on in the caller
            os.close(kept)
            _end_with(lambda: os.read(ends, 1))
            _serve(listener)
        finally:
            os._exit(1)
    os.close(ends)
    listener.close()


def _serve(listener: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        asked, _ = listener.accept()
        if os.fork() == 0:
            try:
                listener.close()
                _be_kernel(asked)
            finally:
                os._exit(0)
        asked.close()


def _be_kernel(asked: socket.socket) -> None:
    from ipykernel.kernelapp import IPKernelApp

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    wanted = json.loads(asked.makefile().readline())
    os.chdir(wanted["folder"])
    sys.path.insert(0, "")
    _end_with(lambda: asked.recv(1))  # with who asked
    IPKernelApp.launch_instance(argv=[*wanted["arguments"], "--matplotlib=inline", "--log-level=50"])


def _end_with(wait) -> None:
    """End this process when ``wait`` returns."""
    threading.Thread(target=lambda: (wait(), os._exit(0)), daemon=True).start()


def ask(door: str, *arguments: str) -> None:
    """Ask for a kernel with these arguments, and wait until it has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(door)
        asking.sendall(json.dumps({"folder": os.getcwd(), "arguments": arguments}).encode() + b"\n")
        asking.recv(1)


if __name__ == "__main__":
    ask(*sys.argv[1:])
