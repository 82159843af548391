"""An authority and a server's certificate, made for one run: with `cryptography` where it is installed, else openssl.

The files are named, and lie, as the test certificates in grpc-java's library do, which its interop programs load by
class path: `certs/ca.pem`, `certs/server1.pem`, `certs/server1.key`. With our folder in front, they load ours.
"""

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
NAME = "server.interop.test"
"""What the certificate is for besides the address, for clients that are told to expect a name."""
LOCAL_NAME = "localhost"
"""What it is for as well, for clients that must send a name in SNI and find the address of it."""
FOLDER = "certs"
_VALID_DAYS = 2


class Certificate(NamedTuple):
    """Three files in PEM: the certificate, its private key, and the certificate of the authority that signed it."""

    certificate: Path
    key: Path
    authority: Path


def make(directory: Path) -> Certificate:
    """Makes a certificate in the directory. Raises Missing where there is nothing to make it with."""
    folder = directory / FOLDER
    folder.mkdir(exist_ok=True)
    files = Certificate(folder / "server1.pem", folder / "server1.key", folder / "ca.pem")
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

    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Plait interop authority")])
    server = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Plait interop")])
    now = datetime.datetime.now(datetime.UTC)

    def signed(
        subject: x509.Name, public_key: ec.EllipticCurvePublicKey, *extensions: tuple[x509.ExtensionType, bool]
    ) -> bytes:
        builder = x509.CertificateBuilder(
            authority,
            subject,
            public_key,
            x509.random_serial_number(),
            now - datetime.timedelta(hours=1),
            now + datetime.timedelta(days=_VALID_DAYS),
        )
        for extension, is_critical in extensions:
            builder = builder.add_extension(extension, is_critical)
        return builder.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    signer = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    files.authority.write_bytes(
        signed(
            authority,
            authority_key.public_key(),
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, **usage), True),
            (signer, False),
        )
    )
    names = [x509.IPAddress(ipaddress.ip_address(ADDRESS)), x509.DNSName(NAME), x509.DNSName(LOCAL_NAME)]
    files.certificate.write_bytes(
        signed(
            server,
            key.public_key(),
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.SubjectAlternativeName(names), False),
            (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer), False),
        )
    )
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _with_openssl(files: Certificate) -> None:
    folder = files.key.parent
    authority_key, request, extensions = folder / "ca.key", folder / "server1.csr", folder / "server1.ext"
    extensions.write_text(f"subjectAltName=IP:{ADDRESS},DNS:{NAME},DNS:{LOCAL_NAME}\n")
    new_key = ["-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout"]
    days = ["-days", str(_VALID_DAYS)]
    authority = ["-subj", "/CN=Plait interop authority", "-out", str(files.authority)]
    signer = ["-CA", str(files.authority), "-CAkey", str(authority_key), "-CAcreateserial"]
    sign = ["x509", "-req", "-in", str(request), *signer, *days, "-extfile", str(extensions)]
    for command in (
        ["req", "-x509", *new_key, str(authority_key), *days, *authority],
        ["req", "-new", *new_key, str(files.key), "-subj", "/CN=Plait interop", "-out", str(request)],
        [*sign, "-out", str(files.certificate)],
    ):
        made = subprocess.run(
            ["openssl", *command], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if made.returncode != 0:
            raise Missing(f"no certificate: openssl failed: {made.stderr.strip()[-200:]}")
