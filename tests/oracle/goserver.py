# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Servers written in Go, built once from their modules and kept outside the repository."""
import os
import shutil
import subprocess

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "kstatsd")
BUILD_SECONDS = 1800


def install(module, version, name):
    """The path of `name`, made by `go install module@version` unless it is there."""
    folder = os.path.join(CACHE, f"{name}-{version}")
    binary = os.path.join(folder, name)
    if os.path.exists(binary):
        return binary
    if not shutil.which("go"):
        raise RuntimeError(f"{binary} is missing, and Go to build it: install Go (https://go.dev/dl)")
    building = f"{folder}.{os.getpid()}"
    try:
        # Whatever this machine's Go is told to do with modules: no project is built here.
        done = subprocess.run(["go", "install", f"{module}@{version}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False, timeout=BUILD_SECONDS, cwd="/",
                              env={**os.environ, "GOBIN": building, "GOFLAGS": ""})
        if done.returncode:
            raise RuntimeError(f"cannot build {module}@{version}: {done.stdout[-2000:]}")
        os.makedirs(CACHE, exist_ok=True)
        if not os.path.exists(folder):
            os.rename(building, folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return binary
