# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Boots a kernel under qemu's software emulation with initramfs.py's userland, returns what it printed.

-cpu max, but without cx16: 6.12 panics early when qemu emulates it. Grace periods of RCU are expedited: each flush and
each attached program waits for some, and idle waiting is most of the time that a guest takes.
"""
import collections
import re
import subprocess
import time

SECONDS_MAX = 300  # a guest that hangs; a good one needs less than 60
QEMU = ("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max,cx16=off", "-smp", "2", "-m", "1024",
        "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio")

Line = collections.namedtuple("Line", "ok name reason")
Result = collections.namedtuple("Result", "lines seconds output")
EMULATOR_FAULT = "Oops: int3"
ATTEMPTS_MAX = 4


def boot(kernel, initramfs, hooks, arguments=""):
    """Boots until the emulator does its part: it may show one CPU the breakpoint by which another patches code (int3)."""
    for attempt in range(1, ATTEMPTS_MAX + 1):
        result = boot_once(kernel, initramfs, hooks, arguments)
        if EMULATOR_FAULT not in result.output or attempt == ATTEMPTS_MAX:
            return result
        print(f"\n{kernel.release}: the emulator's int3 fault ended attempt {attempt} after {result.seconds:.1f} s; again")


def boot_once(kernel, initramfs, hooks, arguments):
    command = [*QEMU, "-kernel", kernel.image, "-initrd", initramfs,
               "-append", f"console=ttyS0 quiet panic=-1 oops=panic rcupdate.rcu_expedited=1 guest.hooks={','.join(hooks)} {arguments}"]
    start = time.monotonic()
    try:
        output = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                check=False, timeout=SECONDS_MAX).stdout
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"") + f"\n# killed after {SECONDS_MAX} s\n".encode()
    text = output.decode("utf-8", "replace").replace("\r", "")
    return Result(parse(text), time.monotonic() - start, text)


def parse(text):
    """The report's lines. The console may have a kernel's message before one."""
    found = re.findall(r"^.*?(not ok|ok) (\w+/\S+) [0-9.]+s # ?(.*)$", text, re.M)
    return [Line(verdict == "ok", name, reason) for verdict, name, reason in found]
