"""Wheels: ours, made of a clean copy of the sources, and those that ours need, by version and hash."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement

from deploy.prebuild import prebuild

ROOT = Path(__file__).resolve().parents[1]
DISTRIBUTION = "p4-fullnat"
_SOURCES = ("runtime", "softswitch", "pyproject.toml", "README.md", "LICENSE")
_PLATFORMS = ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34")
"""What Debian 12's C library runs."""
_NO = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", ".*")


def own(directory: Path) -> Path:
    """A wheel of fullnat and p4soft, with p4soft's native code for this kind of machine compiled."""
    with tempfile.TemporaryDirectory(prefix="fullnat-wheel-") as scratch:
        tree = Path(scratch)
        copy_sources(tree)
        return build(tree, directory, ["--plat-name", f"linux_{platform.machine()}"])


def copy_sources(tree: Path) -> None:
    """What a wheel of ours is made of, with p4soft's native code compiled."""
    # Links are followed: the copy has what they lead to.
    for name in _SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=_NO)
        else:
            shutil.copy(source, tree / name)
    prebuild(tree / "softswitch" / "p4soft" / "prebuilt")


def toa(directory: Path) -> Path:
    """A wheel of fullnat-toa, which is Python only."""
    with tempfile.TemporaryDirectory(prefix="fullnat-wheel-") as scratch:
        tree = Path(scratch) / "toa"
        shutil.copytree(ROOT / "toa", tree, ignore=_NO)
        return build(tree, directory, [])


_BUILD = "import sys; from setuptools import build_meta; "
_BUILD += "print(build_meta.build_wheel(sys.argv[1], {'--build-option': sys.argv[2:]}), file=sys.stderr)"


def build(tree: Path, directory: Path, options: list[str]) -> Path:
    """The wheel of the sources in ``tree``. Raises CalledProcessError."""
    directory.mkdir(parents=True, exist_ok=True)
    target = directory.resolve()
    command = [sys.executable, "-c", _BUILD, str(target), *options]
    done = subprocess.run(command, cwd=tree, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        print(done.stdout + done.stderr, file=sys.stderr)
        done.check_returncode()
    return target / done.stderr.split()[-1]


def needed() -> list[str]:
    """The names of everything that ours needs, at any depth."""
    found: set[str] = set()
    todo = [DISTRIBUTION]
    while todo:
        for line in requires(todo.pop()) or ():
            requirement = Requirement(line)
            name = requirement.name.lower()
            if (requirement.marker is None or requirement.marker.evaluate({"extra": ""})) and name not in found:
                found.add(name)
                todo.append(name)
    return sorted(found)


def pinned(names: Iterable[str]) -> str:
    """The lines of requirements.txt that are of ``names``, with their hashes."""
    wanted = set(names)
    blocks = re.findall(r"^\S+==(?:.*\\\n)*.*$", (ROOT / "requirements.txt").read_text(), flags=re.MULTILINE)
    chosen = [block for block in blocks if block.partition("==")[0].lower() in wanted]
    if len(chosen) != len(wanted):
        raise ValueError(f"requirements.txt does not pin all of {', '.join(sorted(wanted))}")
    return "\n".join(chosen) + "\n"


def fetch(version: str, directory: Path) -> list[Path]:
    """The wheels that ours needs under Python ``version`` ("3.11"), downloaded. Raises CalledProcessError."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(pinned(needed()))
        requirements.flush()
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--require-hashes", "--only-binary=:all:", "--python-version", version, "--implementation", "cp"]
        command += [word for name in _PLATFORMS for word in ("--platform", f"{name}_{platform.machine()}")]
        command += ["-d", str(directory), "-r", requirements.name]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return sorted(directory.glob("*.whl"))


def for_every_python(wheel: Path) -> bool:
    """Whether a wheel is for all versions of Python 3, as its name says."""
    python, abi, _ = wheel.stem.split("-")[-3:]
    return abi == "abi3" or python.startswith("py")


def unpack(wheel: Path, directory: Path) -> None:
    """What a wheel installs beside other packages; scripts and headers are left out."""
    with zipfile.ZipFile(wheel) as archive:
        for item in archive.infolist():
            target = _placed(item.filename)
            if target is not None and not item.is_dir():
                place = directory / target
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(archive.read(item))


def _placed(name: str) -> str | None:
    top, _, rest = name.partition("/")
    if not top.endswith(".data"):
        return name
    kind, _, inner = rest.partition("/")
    return inner if kind in ("purelib", "platlib") else None


def native_objects(directory: Path) -> Iterator[Path]:
    yield from directory.rglob("*.so*")


if __name__ == "__main__":
    print(own(ROOT / "build" / "dist"))
