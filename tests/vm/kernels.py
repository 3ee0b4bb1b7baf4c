#!/usr/bin/python3
# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Debian's kernels for the guests: finds them in apt's archives, keeps them in a cache.

usage: tests/vm/kernels.py [NAME]...

Fetches what is missing and prints one line per kernel: its name, release and image. Kernels of
other suites than the machine's come from the same mirror, through a private apt state with
apt's own signature checks; the machine's apt configuration is read, never changed. What the
cache holds is used as it is: remove the folder to get newer ones.
"""
import collections
import functools
import os
import re
import shutil
import subprocess
import sys

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "kstatsd", "kernels")

# suite None: where the machine's own packages come from. Of the names that match, the newest is taken.
# Where a suite signs its images, `linux-image-` may hold only a signed copy or nothing but a dependency.
Source = collections.namedtuple("Source", "suite pattern")
SOURCES = {
    "5.10": Source("bullseye", r"linux-image-5\.10\.[0-9-]+-amd64"),
    "6.1": Source(None, r"linux-image-6\.1\.[0-9-]+-amd64"),
    "6.12": Source(None, r"linux-image-6\.12\.[0-9]+\+deb[0-9]+-amd64"),
    "newest": Source("sid", r"linux-binary-[0-9.]+\+deb[0-9]+-amd64"),
}
Kernel = collections.namedtuple("Kernel", "name release image modules")


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def version_key(package):
    """Orders package names by the numbers in them."""
    return [int(number) for number in re.findall(r"\d+", package)]


def find_mirror():
    """The address of the archive that the machine's own suite comes from."""
    targets = run("apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(SITE)", "Created-By: Packages")
    for line in targets.splitlines():
        origin, label, site = line.split("|")
        if origin == "Debian" and label == "Debian":
            return site
    raise RuntimeError("no Debian archive among apt's sources: apt-get update, or see `apt-get indextargets`")


@functools.lru_cache(maxsize=None)
def apt_options(suite):
    """Options that make apt work on `suite` in a state of its own; none for the machine's suite."""
    if suite is None:
        return ()
    state = os.path.join(CACHE, "apt", suite)
    os.makedirs(os.path.join(state, "lists", "partial"), exist_ok=True)
    os.makedirs(os.path.join(state, "archives", "partial"), exist_ok=True)
    sources = os.path.join(state, "sources.list")
    with open(sources, "w", encoding="ascii") as file:
        file.write(f"deb {find_mirror()} {suite} main\n")
    options = ("-o", f"Dir::Etc::SourceList={sources}", "-o", "Dir::Etc::SourceParts=/dev/null",
               "-o", f"Dir::State::Lists={state}/lists", "-o", f"Dir::Cache={state}",
               # Only what is needed, readable by root alone, and an old suite's list does not expire.
               "-o", "Acquire::Languages=none", "-o", "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false",
               "-o", "APT::Sandbox::User=root", "-o", "Acquire::Check-Valid-Until=false")
    run("apt-get", *options, "-qq", "update")
    return options


def fetch_kernel(name, folder):
    """Downloads and unpacks the newest matching package into `folder`."""
    source = SOURCES[name]
    options = apt_options(source.suite)
    names = run("apt-cache", *options, "pkgnames", "linux-").split()
    matching = sorted((package for package in names if re.fullmatch(source.pattern, package)), key=version_key)
    if not matching:
        raise RuntimeError(f"kernel {name}: no package {source.pattern} in {source.suite or 'apt-cache'}")
    partial = folder + ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    os.makedirs(partial)
    # Names that no archive offers any more are listed too, if an older list named them.
    for package in reversed(matching):
        if subprocess.run(["apt-get", *options, "-qq", "download", package], cwd=partial, check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
            break
    debs = [file for file in os.listdir(partial) if file.endswith(".deb")]
    if not debs:
        raise RuntimeError(f"kernel {name}: none of {', '.join(matching)} could be downloaded")
    run("dpkg-deb", "-x", os.path.join(partial, debs[0]), partial)
    os.unlink(os.path.join(partial, debs[0]))
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(partial, folder)


def find_image(folder):
    for place in ("boot", "usr/lib/modules", "lib/modules"):
        for path, _, files in sorted(os.walk(os.path.join(folder, place))):
            for file in files:
                if file == "vmlinuz" or file.startswith("vmlinuz-"):
                    return os.path.join(path, file)
    return None


def find_modules(folder):
    """The folder named after the kernel's release."""
    for place in ("usr/lib/modules", "lib/modules"):
        path = os.path.join(folder, place)
        if os.path.isdir(path):
            return os.path.join(path, sorted(os.listdir(path))[0])
    raise RuntimeError(f"no modules in {folder}")


def get_kernel(name):
    folder = os.path.join(CACHE, name)
    if find_image(folder) is None:
        os.makedirs(CACHE, exist_ok=True)
        fetch_kernel(name, folder)
    image, modules = find_image(folder), find_modules(folder)
    if image is None:
        raise RuntimeError(f"kernel {name}: no vmlinuz in its package; remove {folder}")
    return Kernel(name, os.path.basename(modules), image, modules)


def main():
    for name in sys.argv[1:] or SOURCES:
        kernel = get_kernel(name)
        print(kernel.name, kernel.release, kernel.image, flush=True)


if __name__ == "__main__":
    main()
