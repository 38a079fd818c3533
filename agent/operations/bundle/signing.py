"""Ed25519 keys and detached signatures in the forms that OpenSSL reads, so that a bundle can be checked without Innkeeper.

openssl pkeyutl -verify -rawin -pubin -inkey bundle.pub -sigfile manifest.json.sig -in manifest.json
"""

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from agent.errors import BundleFailed


def make_keys(private: Path, public: Path, passphrase: bytes | None) -> str:
    """Write a new pair as PEM (PKCS #8 and SubjectPublicKeyInfo). The fingerprint of the public key.

    Raises:
        BundleFailed: one of the files is there already, or can't be written.
    """
    key = Ed25519PrivateKey.generate()
    locked = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    told = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for path in (private, public):
        if path.exists():
            raise BundleFailed(f"{path} is there already, and a key is never written over; name another place")
    for path, content, mode in ((private, secret, 0o600), (public, told, 0o644)):
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                file.write(content)
        except OSError as error:
            raise BundleFailed(f"the key can't be written to {path}: {error.strerror}") from error
    return fingerprint(key.public_key())


def read_private(path: Path, passphrase: bytes | None) -> Ed25519PrivateKey:
    """The key that signs.

    Raises:
        BundleFailed: there is none in the file, or the passphrase doesn't open it.
    """
    try:
        key = serialization.load_pem_private_key(_read(path), passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BundleFailed(
            f"{path} gives no private key: {error}. Is it the private one, and its passphrase the right one?"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BundleFailed(f"{path} is not an Ed25519 key; `innkeeper bundle keygen` makes one")
    return key


def read_public(path: Path) -> Ed25519PublicKey:
    """The key that checks.

    Raises:
        BundleFailed: there is none in the file.
    """
    try:
        key = serialization.load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BundleFailed(f"{path} gives no public key: {error}. Give the file that ends in .pub") from error
    if not isinstance(key, Ed25519PublicKey):
        raise BundleFailed(f"{path} is not an Ed25519 key; `innkeeper bundle keygen` makes one")
    return key


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 of the key's DER form, as `openssl pkey -pubin -in bundle.pub -outform DER | sha256sum` prints it."""
    form = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(form).hexdigest()


def is_signed(content: bytes, signature: bytes, key: Ed25519PublicKey) -> bool:
    """Whether this key signed exactly these bytes."""
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleFailed(f"the key {path} can't be read: {error.strerror}") from error
