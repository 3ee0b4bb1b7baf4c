# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""The capture cases, the sum invariant, absorb and check on other kernels, on every hook.

One guest per kernel and preemption, booted once, and two at a time: each emulates on about one core. `pytest -s`
shows how long each took; KSTATSD_VM_LOGS names a folder to keep what the guests printed.
"""
import concurrent.futures
import os
import threading

import pytest

import guests
import initramfs
import kernels

HOOKS = ("fentry", "kprobe", "cgroup")
KERNELS = ("6.1", "6.12", "newest")
PREEMPTIONS = {"as-booted": "", "preempt-full": "preempt=full"}
GUESTS = [pytest.param((kernel, preemption), id=f"{kernel}-{preemption}")
          for kernel in KERNELS for preemption in PREEMPTIONS]
TOO_OLD = pytest.param(("5.10", "too-old"), id="5.10")
SIDE_BY_SIDE = min(2, os.cpu_count() or 1)


@pytest.fixture(scope="session")
def archive(built, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("vm") / "initramfs.cpio")
    initramfs.build(path)
    return path


FETCHING = threading.Lock()


def boot(archive, kernel, preemption):
    with FETCHING:
        found = kernels.get_kernel(kernel)
    hooks = HOOKS if preemption in PREEMPTIONS else (preemption,)
    result = guests.boot(found, archive, hooks, PREEMPTIONS.get(preemption, ""))
    print(f"\n{kernel} ({found.release}) {preemption}: {result.seconds:.1f} s, {len(result.lines)} tests")
    if os.environ.get("KSTATSD_VM_LOGS"):
        with open(os.path.join(os.environ["KSTATSD_VM_LOGS"], f"{kernel}-{preemption}.log"), "w",
                  encoding="utf-8") as file:
            file.write(result.output)
    return result


@pytest.fixture(scope="session")
def booting(request, archive):
    """Futures of the guests that this run's tests ask for; they boot in the tests' order."""
    asked = dict.fromkeys(item.callspec.params["guest"] for item in request.session.items
                          if "guest" in getattr(item, "fixturenames", ()))
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        yield {one: pool.submit(boot, archive, *one) for one in asked}
        pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def guest(request, booting):
    return booting[request.param].result()


@pytest.mark.parametrize("guest", GUESTS, indirect=True, scope="session")
class TestGuest:
    def test_boots_and_ends(self, guest):
        assert "# done, " in guest.output, guest.output[-800:]
        assert "Kernel panic" not in guest.output and "BUG:" not in guest.output, guest.output[-800:]

    @pytest.mark.parametrize("part", ["check", *HOOKS, "absorb"])
    def test_part(self, guest, part):
        """Every test of one part in the guest: of a hook, of absorb, of `kstatsd check`."""
        lines = [line for line in guest.lines if line.name.startswith(part + "/")]
        assert lines, guest.output[-800:]
        failed = [f"{line.name}: {line.reason}" for line in lines if not line.ok]
        assert not failed, f"{len(failed)} of {len(lines)} failed:\n" + "\n".join(failed)


@pytest.mark.parametrize("guest", [TOO_OLD], indirect=True, scope="session")
def test_too_old_kernel(guest):
    """5.10 has fentry, kprobes and cgroup programs, but not what the programs need (bpf_loop, Linux 5.17)."""
    assert [(line.name, line.ok, line.reason) for line in guest.lines if not line.ok] == [], guest.output[-800:]
    assert [line.name for line in guest.lines] == ["check/too-old"], guest.output[-800:]
