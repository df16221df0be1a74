"""Certificates for tests, made by openssl."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


@dataclass(frozen=True, slots=True)
class Pair:
    cert: Path
    key: Path


class Authority:
    """A CA of its own in ``directory``."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        self._directory = directory
        self.pair = Pair(directory / f"{name}.pem", directory / f"{name}.key")
        _openssl("req", "-x509", *_KEY, *self._files(self.pair), "-days", "1", "-subj", f"/CN={name}")

    def issue(self, name: str) -> Pair:
        """A certificate for the host ``name``."""
        made = Pair(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        request, extension = self._directory / f"{name}.csr", self._directory / f"{name}.ext"
        extension.write_text(f"subjectAltName=DNS:{name}\n")
        _openssl("req", *_KEY, "-keyout", made.key, "-out", request, "-subj", f"/CN={name}")
        signer = ("-CA", self.pair.cert, "-CAkey", self.pair.key, "-CAcreateserial")
        _openssl("x509", "-req", "-in", request, *signer, "-out", made.cert, "-days", "1", "-extfile", extension)
        return made

    @staticmethod
    def _files(pair: Pair) -> tuple[str | Path, ...]:
        return "-keyout", pair.key, "-out", pair.cert


def _openssl(*words: str | Path) -> None:
    try:
        subprocess.run(["openssl", *words], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("openssl cannot make certificates here")
