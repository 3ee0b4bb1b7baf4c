# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Packages of npm that tests run: real servers and clients. Standard library only.

Each is installed once, of a pinned version, into a cache outside of the repository. A package's own scripts never
run: what the tests need is plain JavaScript.
"""
import os
import shutil
import subprocess
import tempfile

from daemon import expect

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "kstatsd", "npm")
INSTALL = ["install", "--omit=dev", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
SECONDS = 300


def command(name):
    """The path of node or npm."""
    path = shutil.which(name)
    expect(path, f"cannot run {name}: it is not installed; run `deploy/install-deps test` (root)")
    return path


def install(name, version):
    """
    The folder whose node_modules holds the package: run node there, or set NODE_PATH to its node_modules. It
    appears whole or not at all, so several tests may ask at the same time, and one that was interrupted leaves
    nothing behind that looks finished.
    """
    folder = os.path.join(CACHE, f"{name.replace('/', '+')}-{version}")
    if os.path.isdir(folder):
        return folder
    os.makedirs(CACHE, exist_ok=True)
    new = tempfile.mkdtemp(prefix=".new-", dir=CACHE)
    try:
        fetch(new, f"{name}@{version}")
        os.rename(new, folder)
    except OSError:
        expect(os.path.isdir(folder), f"cannot make {folder}")  # if another was faster, its folder is as good
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return folder


def fetch(folder, package):
    with open(os.path.join(folder, "package.json"), "w", encoding="ascii") as file:
        file.write('{"private": true}\n')
    done = subprocess.run([command("npm"), *INSTALL, "--save-exact", package], cwd=folder, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=SECONDS, check=False)
    expect(done.returncode == 0, f"cannot install {package} from npm: {done.stdout.strip()}; is the registry reachable?")


def package(name, version):
    """The folder of the package itself."""
    return os.path.join(install(name, version), "node_modules", *name.split("/"))
