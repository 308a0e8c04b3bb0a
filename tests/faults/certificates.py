"""A certificate authority of one case, and a certificate of it for this machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from case import Failed, Skipped

EXTENSIONS = "subjectAltName=IP:{host}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n"


def make_certificate(folder: Path, host: str = "127.0.0.1") -> tuple[Path, Path]:
    """The authority's certificate, which the client must be told, and the server's with its key."""
    if shutil.which("openssl") is None:
        raise Skipped("install openssl for it")
    authority, authority_key = folder / "authority.pem", folder / "authority.key"
    request, key = folder / "server.csr", folder / "server.key"
    extensions, certificate = folder / "extensions", folder / "server.crt"
    extensions.write_text(EXTENSIONS.format(host=host), encoding="utf-8")
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *new_key, "-keyout", authority_key, "-out", authority, "-days", "2", "-subj", "/CN=test")
    openssl("req", "-new", *new_key, "-keyout", key, "-out", request, "-subj", f"/CN={host}")
    signing = ("-CA", authority, "-CAkey", authority_key, "-CAcreateserial", "-extfile", extensions)
    openssl("x509", "-req", "-in", request, *signing, "-out", certificate, "-days", "2")
    both = folder / "server.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    return authority, both


def openssl(*arguments: str | Path) -> None:
    """`openssl`."""
    result = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise Failed(f"`openssl {arguments[0]}` failed: {result.stderr.strip()}")
