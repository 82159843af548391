"""A certificate for 127.0.0.1, made for one run: with `cryptography` where it is installed, else with openssl."""

from __future__ import annotations

import datetime
import importlib.util
import ipaddress
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from interop.peers.peer import Missing

ADDRESS = "127.0.0.1"
_VALID_DAYS = 2


class Certificate(NamedTuple):
    """Two files in PEM: the certificate, which signs itself, and its private key."""

    certificate: Path
    key: Path


def make(directory: Path) -> Certificate:
    """Makes a certificate in the directory. Raises Missing where there is nothing to make it with."""
    files = Certificate(directory / "certificate.pem", directory / "key.pem")
    if importlib.util.find_spec("cryptography") is not None:
        _with_cryptography(files)
    elif shutil.which("openssl") is not None:
        _with_openssl(files)
    else:
        raise Missing("no certificate: neither the package cryptography nor the command openssl is here")
    return files


def _with_cryptography(files: Certificate) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Plait interop")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=_VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(ADDRESS))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _with_openssl(files: Certificate) -> None:
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-days", str(_VALID_DAYS), "-subj", "/CN=Plait interop", "-addext", f"subjectAltName=IP:{ADDRESS}"]
    command += ["-keyout", str(files.key), "-out", str(files.certificate)]
    made = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Missing(f"no certificate: openssl failed: {made.stderr.strip()[-200:]}")
