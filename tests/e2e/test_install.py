# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""What `make install` leaves behind."""
import re
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
