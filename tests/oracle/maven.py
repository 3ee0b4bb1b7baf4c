# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Programs written in Java: their jars, fetched once by Maven and kept outside the repository."""
import os
import shutil
import subprocess
import tempfile

from daemon import expect

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "kstatsd")
SECONDS = 1800

POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>kstatsd.tests</groupId><artifactId>jars</artifactId><version>1</version>
  <dependencies>{dependencies}</dependencies>
</project>
"""
DEPENDENCY = """
    <dependency>
      <groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>
      <exclusions>{exclusions}</exclusions>
    </dependency>"""
EXCLUSION = "<exclusion><groupId>{}</groupId><artifactId>{}</artifactId></exclusion>"
# Some POMs name repositories of their own that are gone, or speak plain HTTP: all is had from the central one.
SETTINGS = """<settings>
  <mirrors><mirror><id>all</id><mirrorOf>*</mirrorOf><url>https://repo.maven.apache.org/maven2</url></mirror></mirrors>
</settings>
"""


def tool(name):
    path = shutil.which(name)
    expect(path, f"cannot run {name}: it is not installed; run `deploy/install-deps oracle` (root)")
    return path


def dependency(coordinates, excluded):
    group, artifact, version = coordinates.split(":")
    exclusions = "".join(EXCLUSION.format(*each.split(":")) for each in excluded)
    return DEPENDENCY.format(group=group, artifact=artifact, version=version, exclusions=exclusions)


def install(name, *jars, excluded=()):
    """
    A class path of the jars ("group:artifact:version") and of all that they need but what is `excluded`
    ("group:artifact"). The folder appears whole or not at all.
    """
    folder = os.path.join(CACHE, name)
    if not os.path.isdir(folder):
        os.makedirs(CACHE, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=CACHE) as building:
            fetch(building, jars, excluded)
            if not os.path.isdir(folder):
                os.rename(os.path.join(building, "jars"), folder)
    return os.path.join(folder, "*")


def fetch(building, jars, excluded):
    pom, settings = os.path.join(building, "pom.xml"), os.path.join(building, "settings.xml")
    with open(pom, "w", encoding="ascii") as file:
        file.write(POM.format(dependencies="".join(dependency(jar, excluded) for jar in jars)))
    with open(settings, "w", encoding="ascii") as file:
        file.write(SETTINGS)
    command = [tool("mvn"), "-B", "-q", "-s", settings, f"-Dmaven.repo.local={building}/repository", "-f", pom,
               "dependency:copy-dependencies", f"-DoutputDirectory={building}/jars", "-DincludeScope=runtime"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=SECONDS, cwd=building)
    expect(done.returncode == 0, f"cannot fetch {', '.join(jars)}: {done.stdout[-2000:]}")
