"""What a handler may know of its connection's security: the auth context, with C-core's names and values."""

from __future__ import annotations

import ssl
from typing import Any

from grpc_core.locality import LocalConnectionType

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
        certificate: Any = tls.getpeercert()
        if certificate:
            self._read(certificate, tls.getpeercert(binary_form=True) or b"")

    def _read(self, certificate: dict[str, Any], der: bytes) -> None:
        """The client's certificate, which OpenSSL has verified."""
        properties = self.properties
        subject = [pair for names in certificate.get("subject", ()) for pair in names]
        properties["x509_subject"] = [",".join(f"{key}={value}" for key, value in reversed(subject)).encode()]
        properties["x509_pem_cert"] = [ssl.DER_cert_to_PEM_cert(der).encode()]
        if common_names := [value.encode() for key, value in subject if key == "commonName"]:
            properties["x509_common_name"] = common_names
            self.identity_key = "x509_common_name"
        alternatives = certificate.get("subjectAltName", ())
        for kind, key in (("DNS", "peer_dns"), ("URI", "peer_uri"), ("email", "peer_email"), ("IP Address", "peer_ip")):
            if values := [value.encode() for found, value in alternatives if found == kind]:
                properties[key] = values
        if alternatives:
            properties["x509_subject_alternative_name"] = [value.encode() for _, value in alternatives]
            self.identity_key = "x509_subject_alternative_name"
