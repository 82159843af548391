"""What a handler may know of its connection's security: the auth context, with C-core's names and values."""

from __future__ import annotations

import ipaddress
import ssl
from typing import Any

from grpc_core.locality import LocalConnectionType

_SHORT_NAMES = {
    "commonName": "CN",
    "countryName": "C",
    "domainComponent": "DC",
    "givenName": "GN",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
    "streetAddress": "street",
    "surname": "SN",
    "userId": "UID",
}
"""OpenSSL's short names of attributes, which C-core shows; the ssl module gives the long ones."""

_INSECURE = {"transport_security_type": [b"insecure"], "security_level": [b"TSI_SECURITY_NONE"]}
_LOCAL = {"transport_security_type": [b"local"], "security_level": [b"TSI_PRIVACY_AND_INTEGRITY"]}


class Security:
    """The properties of a connection, and by which of them its client is identified.

    `properties` is what `context.auth_context()` gives. `identity_key` names the property that identifies the client
    (its subject alternative names, else its common name), or is None when it showed no certificate.
    """

    def __init__(self, tls: ssl.SSLObject | None, locality: LocalConnectionType | None = None) -> None:
        self.identity_key: str | None = None
        self.properties: dict[str, list[bytes]] = dict(_INSECURE)
        if locality is not None:
            self.properties = dict(_LOCAL)
            self.identity_key = "transport_security_type"
        if tls is None:
            return
        self.properties = {
            "transport_security_type": [b"ssl"],
            "security_level": [b"TSI_PRIVACY_AND_INTEGRITY"],
            "ssl_session_reused": [b"true" if tls.session_reused else b"false"],
            "ssl_tls_version": [(tls.version() or "").encode()],
        }
        requested: str | None = getattr(tls, "requested_server_name", None)  # see `credentials`
        if requested is not None:
            self.properties["ssl_requested_server_name"] = [requested.encode()]
        certificate: Any = tls.getpeercert()
        if certificate:
            self._read(certificate, tls.getpeercert(binary_form=True) or b"")

    def _read(self, certificate: dict[str, Any], der: bytes) -> None:
        """The client's certificate, which OpenSSL has verified."""
        properties = self.properties
        subject = [pair for names in certificate.get("subject", ()) for pair in names]
        properties["x509_subject"] = [_distinguished_name(certificate.get("subject", ())).encode("ascii")]
        properties["x509_pem_cert"] = [ssl.DER_cert_to_PEM_cert(der).encode()]
        if common_names := [value.encode() for key, value in subject if key == "commonName"]:
            properties["x509_common_name"] = common_names
            self.identity_key = "x509_common_name"
        alternatives = [
            (kind, str(ipaddress.ip_address(value.strip())) if kind == "IP Address" else value)
            for kind, value in certificate.get("subjectAltName", ())
        ]
        for kind, key in (("DNS", "peer_dns"), ("URI", "peer_uri"), ("email", "peer_email"), ("IP Address", "peer_ip")):
            if values := [value.encode() for found, value in alternatives if found == kind]:
                properties[key] = values
        uris = properties.get("peer_uri", [])
        if len(uris) == 1 and uris[0].startswith(b"spiffe://"):
            properties["peer_spiffe_id"] = uris
        if alternatives:
            properties["x509_subject_alternative_name"] = [value.encode() for _, value in alternatives]
            self.identity_key = "x509_subject_alternative_name"


def _distinguished_name(subject: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    """A subject as RFC 2253 writes it: the last part first, everything outside ASCII as `\\` and two hex digits."""
    return ",".join(
        "+".join(f"{_SHORT_NAMES.get(key, key)}={_escaped(value)}" for key, value in reversed(part))
        for part in reversed(subject)
    )


def _escaped(value: str) -> str:
    """An attribute's value (RFC 2253 §2.4)."""
    text = "".join(
        f"\\{chr(octet)}" if octet in b',+"\\<>;' else chr(octet) if 32 <= octet < 127 else f"\\{octet:02X}"
        for octet in value.encode()
    )
    if text[:1] in (" ", "#"):
        text = "\\" + text
    return text[:-1] + "\\ " if text.endswith(" ") and len(text) > 1 and text[-2] != "\\" else text
