"""Certificates for nginx."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def write_certificate(folder: Path, ended_days: int = -1) -> dict[str, str]:
    """Write a certificate for 127.0.0.1 that is signed by its own key; return the variables that name the files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    begin, end = now - timedelta(9), now - timedelta(ended_days)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), begin, end)
    certificate = made.add_extension(address, critical=False).sign(key, hashes.SHA256())
    files = {"TLS_CERTIFICATE": folder / "certificate.pem", "TLS_KEY": folder / "key.pem"}
    files["TLS_CERTIFICATE"].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files["TLS_KEY"].touch(mode=0o600)
    files["TLS_KEY"].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return {variable: str(file) for variable, file in files.items()}
