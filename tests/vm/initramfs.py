# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""A guest's whole userland as a cpio archive: busybox, kstatsd, the sender, Python and guest.py.

Libraries come from ldd, Python's modules from what guest.py and the `datadog` client of the tests'
virtual environment really import. Needs the packages busybox-static and python3.
"""
import glob
import os
import re
import stat
import subprocess

from daemon import KSTATSD, ROOT, SENDER

HERE = os.path.dirname(os.path.abspath(__file__))
E2E = os.path.join(os.path.dirname(HERE), "e2e")
PYTHON = "/usr/bin/python3"
# Where the guest finds what is built here.
GUEST_KSTATSD, GUEST_SENDER, GUEST_TESTS = "/kstatsd/kstatsd", "/kstatsd/sender", "/kstatsd/tests"
GUEST_CLIENTS = "/kstatsd/clients"

INIT = f"""#!/bin/busybox sh
/bin/busybox mkdir -p /bin /proc /sys /dev /tmp /run
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin LANG=C.UTF-8 KSTATSD={GUEST_KSTATSD} KSTATSD_SENDER={GUEST_SENDER} KSTATSD_PATIENCE=60 \
       KSTATSD_CLIENTS={GUEST_CLIENTS}
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t debugfs debug /sys/kernel/debug
[ -d /sys/kernel/tracing ] && mount -t tracefs trace /sys/kernel/tracing
ip link set lo up
echo "# up at $(cut -d' ' -f1 /proc/uptime) s"
{PYTHON} -S -B {GUEST_TESTS}/guest.py $(sed -n 's/.*guest.hooks=\\([a-z,-]*\\).*/\\1/p' /proc/cmdline | tr , ' ')
poweroff -f
"""


def libraries(program):
    """The shared libraries of a program, with its loader; none for a static one."""
    done = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return set(re.findall(r"(/\S+)(?= \(0x)", done.stdout))


def client_folder():
    """Where the tests' virtual environment has its packages."""
    found = glob.glob(os.path.join(ROOT, ".output", "venv", "lib", "python3*", "site-packages"))
    if not found:
        raise RuntimeError("the clients are missing: make .output/venv/ready")
    return found[0]


def python_files(clients):
    """Files of the modules that guest.py and its clients import, their bytecode, and the extension modules' libraries."""
    program = (f"import sys; sys.path[:0] = [{HERE!r}, {E2E!r}, {clients!r}]; import guest, datadog.dogstatsd\n"
               "for module in list(sys.modules.values()):\n"
               "    for name in ('__file__', '__cached__'):\n"
               "        print(getattr(module, name, None) or '')")
    out = subprocess.run([PYTHON, "-S", "-B", "-c", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    found = {path for path in out.split("\n") if path and os.path.exists(path)}
    for path in [path for path in found if path.endswith(".so")]:
        found |= libraries(path)
    return found


def collect():
    """{path in the guest: path here, or bytes}."""
    files = {"/init": INIT.encode(), "/bin/busybox": "/bin/busybox", GUEST_KSTATSD: KSTATSD, GUEST_SENDER: SENDER,
             PYTHON: os.path.realpath(PYTHON)}
    clients = client_folder()
    for path in python_files(clients):
        own = os.path.dirname(path) in (HERE, E2E)
        place = f"{GUEST_TESTS}/{os.path.basename(path)}" if own else path
        files[place.replace(clients, GUEST_CLIENTS, 1)] = path
    # Python takes the folder that holds lib-dynload for its own.
    dynload = os.path.join(os.path.dirname(os.__file__), "lib-dynload")
    files.setdefault(os.path.join(dynload, ".keep"), b"")
    for program in (KSTATSD, SENDER, PYTHON):
        for library in libraries(program):
            files[library] = os.path.realpath(library)
    return files


def cpio_entry(name, mode, data):
    """One "newc" record: Documentation/driver-api/early-userspace/buffer-format.rst."""
    encoded = name.lstrip("/").encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def build(path):
    """Writes the archive to `path`."""
    files = collect()
    folders = set()
    for name in files:
        while (name := os.path.dirname(name)) != "/":
            folders.add(name)
    with open(path, "wb") as out:
        for folder in sorted(folders | {"/dev", "/proc", "/sys"}):
            out.write(cpio_entry(folder, stat.S_IFDIR | 0o755, b""))
        for name, source in sorted(files.items()):
            if isinstance(source, str):
                with open(source, "rb") as file:
                    source = file.read()
            out.write(cpio_entry(name, stat.S_IFREG | 0o755, source))
        out.write(cpio_entry("TRAILER!!!", 0, b""))
