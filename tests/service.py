"""What the scripts that call the service from outside share: they run it on free ports, and commands."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def command(*arguments, cwd=ROOT, env=None):
    """Runs a command, and shows its output only if it fails."""
    done = subprocess.run(
        [str(argument) for argument in arguments],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))}\n{done.stdout}")


@contextmanager
def step(name):
    started = time.monotonic()
    yield
    print(f"{name}: {time.monotonic() - started:.1f} s", flush=True)


@contextmanager
def service(log):
    """Runs the service on free ports, its messages in a file, and yields the environment of its clients."""
    with log.open("w") as messages:
        local = subprocess.Popen(
            ["cargo", "local", "--json", "--port", "0", "--db-port", "0"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=messages,
            text=True,
        )
    try:
        line = local.stdout.readline()
        if not line:
            sys.exit(f"`cargo local` did not start\n{log.read_text()}")
        ready = json.loads(line)
        yield {
            "DUELINE_URL": ready["url"],
            "DUELINE_TEAM": ready["teamId"],
            "DUELINE_KEY": ready["secretKey"],
            "DUELINE_USER": ready["userId"],
            "DUELINE_TOKEN": ready["authToken"],
        }
    finally:
        local.terminate()
        local.wait()
