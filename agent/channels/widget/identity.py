"""Who a customer is: a token that the site's own server has signed, or a hash over its name for the customer. Pure.

What proves nothing is refused, and never taken for an anonymous customer: the site believes that they are signed in.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from agent.errors import IdentityInvalid, SettingsInvalid
from agent.site_settings import SiteSettings

LONGEST_LIFE_S = 600
"""Most between a token's `iat` and `exp`."""
LEEWAY_S = 10
"""How far the clocks of the site and of this machine may differ."""
MAX_TOKEN = 4096
_CLAIMS = ["sub", "iat", "exp", "aud", "jti"]
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody says that they are."""

    token: str | None = None
    identifier: str | None = None
    identifier_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified customer.

    Attributes:
        customer: the site's own name for them.
        once: what must not have been used before; None if it may be used again.
        once_s: for how long it must be remembered.
    """

    customer: str
    once: str | None = None
    once_s: int = 0


class IdentityCheck:
    """Checks claims with the keys of one site.

    Raises:
        SettingsInvalid: the public key is not an Ed25519 key in PEM.
    """

    def __init__(self, site: str, settings: SiteSettings) -> None:
        self._site = site
        self._keys: dict[str, str | Ed25519PublicKey] = {}
        if settings.jwt_secret is not None:
            self._keys["HS256"] = settings.jwt_secret.get_secret_value()
        if settings.jwt_public_key is not None:
            self._keys["EdDSA"] = _public_key(site, settings.jwt_public_key.get_secret_value())
        secret = settings.identity_secret
        self._hash_key = secret.get_secret_value().encode() if secret else None

    def verify(self, claim: Claim) -> Identity | None:
        """The customer; None if nobody is claimed.

        Raises:
            IdentityInvalid: it proves nothing.
        """
        if claim.token is not None:
            return self._by_token(claim.token)
        if claim.identifier is not None or claim.identifier_hash is not None:
            return self._by_hash(claim.identifier or "", claim.identifier_hash or "")
        return None

    def _by_token(self, token: str) -> Identity:
        """Source: RFC 7519 (claims), RFC 8725, section 3.1 (the algorithm is ours to say, by the key that the site has)."""
        try:
            algorithm = str(jwt.get_unverified_header(token).get("alg")) if len(token) <= MAX_TOKEN else "too long"
            key = self._keys.get(algorithm)
            if key is None:
                raise IdentityInvalid("the token is not signed in a way that this site has a key for (HS256 or EdDSA)")
            claims = jwt.decode(
                token, key, algorithms=[algorithm], audience=self._site, leeway=LEEWAY_S, options={"require": _CLAIMS}
            )
        except jwt.PyJWTError as error:
            # The library's words name the claim, and never its value.
            raise IdentityInvalid(f"the token is refused: {type(error).__name__}") from error
        return self._read(claims)

    def _read(self, claims: Mapping[str, object]) -> Identity:
        customer, token_id, issued, expires = (claims[name] for name in ("sub", "jti", "iat", "exp"))
        if not (isinstance(issued, int | float) and isinstance(expires, int | float)):
            raise IdentityInvalid("the token is refused: iat and exp must be numbers")
        life_s = expires - issued
        if not 0 < life_s <= LONGEST_LIFE_S:
            raise IdentityInvalid(f"the token is refused: exp must be at most {LONGEST_LIFE_S} s after iat")
        if not (isinstance(token_id, str) and _NAME.fullmatch(token_id)):
            raise IdentityInvalid("the token is refused: jti must be a text of 1 to 200 characters")
        once = hashlib.sha256(f"{self._site}\0{token_id}".encode()).hexdigest()
        return Identity(_customer(customer), once, LONGEST_LIFE_S + 2 * LEEWAY_S)

    def _by_hash(self, identifier: str, given: str) -> Identity:
        """Source: the hash that Chatwoot and Front use, hex HMAC-SHA256 of the identifier. It never ends: prefer a token."""
        if self._hash_key is None:
            raise IdentityInvalid("this site has no identity_secret to check identifier_hash with")
        expected = hmac.new(self._hash_key, identifier.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), given.lower().encode()):
            raise IdentityInvalid("identifier_hash is not that of the identifier")
        return Identity(_customer(identifier))


def _customer(value: object) -> str:
    if not (isinstance(value, str) and _NAME.fullmatch(value)):
        raise IdentityInvalid("the customer's name must be a text of 1 to 200 characters")
    return value


def _public_key(site: str, pem: str) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SettingsInvalid(f"INNKEEPER_SITES.{site}.jwt_public_key is not a public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SettingsInvalid(f"INNKEEPER_SITES.{site}.jwt_public_key is not an Ed25519 key: make one with `openssl genpkey`")
    return key
