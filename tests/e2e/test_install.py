# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""What `make install` leaves behind, and what deploy/install-deps asks for: without a daemon, and installing nothing."""
import os
import re
import shutil
import subprocess

import pytest

from daemon import ROOT

DOC = "usr/local/share/doc/kstatsd"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """What is built is installed as it is: others are using it."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run(["make", "-s", "-o", "all", "install", f"DESTDIR={folder}", "PREFIX=/usr/local"], cwd=ROOT, check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return folder


def test_installed_files_name_files_that_are_installed(installed):
    """The manual and the examples say docs/X.md, which lies beside them; links of a page lead to other pages."""
    doc = installed / DOC
    assert (installed / "usr/local/sbin/kstatsd").exists()
    texts = [installed / "usr/local/share/man/man8/kstatsd.8", *doc.rglob("*.yaml"), *doc.rglob("*.md")]
    assert {"kstatsd.yaml", "wavefront.yaml", "sinks.md"} <= {path.name for path in texts}
    for path in texts:
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".md":
            targets = [doc / name for name in re.findall(r"\b(?:docs|deploy)/\w+\.\w+", text)]
        else:
            targets = [path.parent / name for name in re.findall(r"\]\(([^)#:]+)[)#]", text)]
        missing = [str(target) for target in targets if not target.exists()]
        assert not missing, f"{path} names {missing}"


def asked_for(tmp_path, purpose, *tools):
    """What install-deps says on a Debian without packages, to somebody who is not root and has these tools."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name in ("sh", "dirname", "sed"):
        os.symlink(shutil.which(name), bin_folder / name)
    for name, text in {"dpkg-query": "exit 1", "apt-get": "exit 1", "id": "echo 1000", **dict(tools)}.items():
        (bin_folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (bin_folder / name).chmod(0o755)
    done = subprocess.run([os.path.join(ROOT, "deploy", "install-deps"), purpose], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, env={"PATH": str(bin_folder)})
    return done.returncode, done.stderr


@pytest.mark.parametrize("go", [[], [("go", "echo go1.19.8")]])
def test_oracles_want_a_go_that_is_not_too_old(tmp_path, go):
    code, said = asked_for(tmp_path, "oracle", *go)
    assert code == 1 and "Go 1.21 or later is needed, this is " + ("go1.19.8" if go else "no go") in said, said


def test_oracles_want_java_and_maven(tmp_path):
    code, said = asked_for(tmp_path, "oracle", ("go", "echo go1.21rc2"))
    assert code == 1 and "missing packages: default-jdk-headless maven" in said, said


def test_java_and_maven_from_elsewhere_will_do(tmp_path):
    assert asked_for(tmp_path, "oracle", ("go", "echo go1.26"), *((tool, "") for tool in ("java", "javac", "mvn"))) == (0, "")
