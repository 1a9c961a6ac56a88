"""Who is asking: from the `Authorization` header of a request to a principal.

A server believes one source of tokens and never two. With a JWKS it is the identity provider named
in the settings; else, on a server bound to loopback or told to, the development key, which lies in
CHIBO_HOME and signs what `chibo token` prints; else nobody. Rights are no matter of this module: a
principal without any is still one.

Signatures and claims are joserfc's work. The algorithm is never the token's choice: a provider's
tokens are signed with an asymmetric one, development tokens with HMAC, and a key of the one kind is
never in reach of the other. Whatever is wrong with a token, the client learns nothing but that it
is not accepted; tokens and principals are never logged.
"""

import asyncio
import hashlib
import json
import os
import re
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, Protocol

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, GuestProtocol, Key, OctKey, OKPKey, RSAKey, import_key
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry
from joserfc.registry import Header

from server.settings import Settings, SettingsError

LEEWAY = 30
"""Seconds by which the provider's clock and this one may differ."""

MAX_TOKEN = 16 * 1024
"""Characters of a token; longer ones are refused unread."""

KEPT_TOKENS = 1024
"""Verified tokens that are remembered."""

FETCH_TIMEOUT = 5.0
"""Seconds for a whole fetch of the provider's keys."""

MAX_KEYS_BODY = 1024 * 1024
"""Bytes of the provider's answer."""

KEYS_AGE = 300.0
"""Seconds after which the provider's keys are fetched again while the old ones still serve."""

FETCHES, FETCH_WINDOW = 3, 15.0
"""Fetches at most in so many seconds, whatever tokens come."""

DEVELOPMENT = "chibo:development"
"""Issuer and audience of development tokens."""

ASYMMETRIC = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448"),
)

BEARER = re.compile(r"bearer +([\w-]+\.[\w-]+\.[\w-]+) *", re.ASCII | re.IGNORECASE)

logger = structlog.get_logger(__name__)


class Unauthenticated(Exception):
    """The request carries no token that is accepted (code UNAUTHENTICATED). It never says why."""

    def __init__(self) -> None:
        super().__init__("A valid token is needed.")


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever a token speaks for: `name` is its claim `sub`, to be compared exactly.

    From `expires_at` on, in UTC, this server no longer accepts the token.
    """

    name: str
    expires_at: datetime


Source = Literal["provider", "development", "nobody"]


class Identity:
    """Tells the principal of a request, by the settings and the host that the server is bound to.

    `source` is whom the server believes. Makes the development key where it is believed and not
    there yet: `SettingsError` where that fails. `clock` gives seconds since 1970.
    """

    def __init__(
        self, settings: Settings, bound_host: str, clock: Callable[[], float] = time.time
    ) -> None:
        self.source: Source = _source(settings, bound_host)
        self._clock = clock
        self._verifier = _verifier(self.source, settings)
        self._kept: OrderedDict[bytes, _Verified] = OrderedDict()
        self._kept_under: object = None

    async def principal(self, authorization_header: str | None) -> Principal:
        """The principal of `Bearer` and a token. Raises `Unauthenticated`, and nothing else."""
        token = _token_of(authorization_header)
        keys = await self._verifier.keys()
        if keys is not self._kept_under:
            self._forget_all(keys)
        digest = hashlib.sha256(token.encode()).digest()
        known = self._kept.get(digest)
        if known and self._clock() < known.exp:
            self._kept.move_to_end(digest)
            return known.principal
        return await self._verified(token, digest)

    async def _verified(self, token: str, digest: bytes) -> Principal:
        keys, verified = await self._verifier.verified(token, self._clock)
        if keys is not self._kept_under:
            self._forget_all(keys)
        self._kept[digest] = verified
        while len(self._kept) > KEPT_TOKENS:
            self._kept.popitem(last=False)
        return verified.principal

    def _forget_all(self, keys: object) -> None:
        self._kept.clear()
        self._kept_under = keys


def development_token(
    settings: Settings, principal: str, ttl_seconds: int, now: datetime | None = None
) -> str:
    """A token of the development key for a principal, good for `ttl_seconds` from `now`.

    Makes the key on first use. Raises `ValueError` for a principal that no token can carry or a
    time below a second, `SettingsError` where the key cannot be kept.
    """
    if not _is_name(principal):
        raise ValueError("a principal is a text that is not empty")
    if ttl_seconds < 1:
        raise ValueError("a token is good for a second at least")
    issued = int((now or datetime.now(UTC)).timestamp())
    claims = {"iss": DEVELOPMENT, "aud": DEVELOPMENT, "sub": principal}
    times = {"iat": issued, "exp": issued + ttl_seconds}
    return jwt.encode({"alg": "HS256"}, {**claims, **times}, development_key(settings))


def key_file(settings: Settings) -> Path:
    """Where the development key lies once it is made."""
    return settings.home / "development.key"


def development_key(settings: Settings) -> OctKey:
    """The key in CHIBO_HOME, readable by its owner alone; made on first use.

    Of several processes that make it at once one succeeds, and all get that one's key. Raises
    `SettingsError` where it can be neither read nor made.
    """
    path = key_file(settings)
    try:
        if not path.exists():
            _make_key(path)
        return OctKey.import_key(bytes.fromhex(path.read_text("ascii")))
    except (OSError, ValueError) as error:
        reason = type(error).__name__
        raise SettingsError(f"CHIBO_HOME: no development key in {path} ({reason})") from None


def is_loopback(host: str) -> bool:
    """Whether a server bound to this host is reached from this machine alone."""
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return host.lower() == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _make_key(path: Path) -> None:
    """Writes the whole file aside and links it in place, which fails where one is there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
    except FileExistsError:
        pass
    finally:
        aside.unlink()


def _source(settings: Settings, bound_host: str) -> Source:
    if settings.jwks_url:
        return "provider"
    if settings.development_tokens or is_loopback(bound_host):
        return "development"
    return "nobody"


def _token_of(authorization_header: str | None) -> str:
    header = authorization_header or ""
    matched = BEARER.fullmatch(header) if len(header) <= MAX_TOKEN else None
    if matched is None:
        raise Unauthenticated
    return matched[1]


def _is_name(value: object) -> bool:
    """Any text that can be stored: not empty, no NUL, no half of a surrogate pair."""
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)


# ---- tokens


@dataclass(frozen=True, slots=True)
class _Verified:
    """A principal, and the second from which the token must be looked at anew: its `exp`."""

    principal: Principal
    exp: float


class _Verifier(Protocol):
    """One source of tokens. `keys` is another object whenever the keys are other ones."""

    async def keys(self) -> object: ...

    async def verified(
        self, token: str, clock: Callable[[], float]
    ) -> tuple[object, _Verified]: ...


class _Signatures(JWSRegistry):
    """joserfc's rules for a signed header, with no algorithm but the given and no extension."""

    max_header_length = 4096

    def __init__(self, algorithms: Collection[str]) -> None:
        super().__init__(algorithms=algorithms, strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        if name not in (self.allowed or ()):
            raise Unauthenticated
        return self.algorithms[name]

    def check_header(self, header: Header) -> None:
        if "crit" in header or "b64" in header:
            raise Unauthenticated
        super().check_header(header)


@dataclass(frozen=True)
class _Rules:
    """What a token must say, whoever signed it."""

    issuer: str
    audience: str
    algorithms: Collection[str]
    leeway: int

    def verify(self, token: str, keys: Sequence[Key], now: float) -> _Verified:
        """Raises `_Unborne` where none of the keys bears the token out, else `Unauthenticated`."""
        signatures = _Signatures(self.algorithms)
        try:
            claims = jwt.decode(token, lambda guest: _key_for(guest, keys), registry=signatures)
            self._claims(now).validate(claims.claims)
            return self._accepted(claims.claims)
        except (_Unborne, Unauthenticated):
            raise
        except JoseError as error:
            raise _Unborne if error.error == "bad_signature" else Unauthenticated from None
        except Exception:
            # The token is the client's; what it breaks in a parser is no fault of the server.
            raise Unauthenticated from None

    def _claims(self, now: float) -> JWTClaimsRegistry:
        return JWTClaimsRegistry(
            now=int(now),
            leeway=self.leeway,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    def _accepted(self, claims: dict[str, Any]) -> _Verified:
        if not _is_name(claims["sub"]):
            raise Unauthenticated
        exp = min(claims["exp"], _LAST_SECOND)
        expires_at = datetime.fromtimestamp(exp + self.leeway, UTC)
        return _Verified(Principal(claims["sub"], expires_at), exp)


_LAST_SECOND = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())


class _Unborne(Exception):
    """No key at hand bears the token out; another one might."""


def _key_for(guest: GuestProtocol, keys: Sequence[Key]) -> Key:
    """The key that the header names; where it names none, the only one that is of its kind."""
    header = guest.headers()
    kid, algorithm = header.get("kid"), header["alg"]
    fitting = [key for key in keys if _fits(key, algorithm)]
    named = [key for key in fitting if key.kid == kid] if kid is not None else fitting
    if len(named) != 1:
        raise _Unborne
    return named[0]


def _fits(key: Key, algorithm: str) -> bool:
    try:
        JWSRegistry.algorithms[algorithm].check_key(key)
    except JoseError:
        return False
    return True


# ---- the three sources


def _verifier(source: Source, settings: Settings) -> _Verifier:
    match source:
        case "provider":
            return _Provider(settings)
        case "development":
            return _Development(settings)
        case "nobody":
            return _Nobody()


class _Nobody:
    """Refuses every token."""

    async def keys(self) -> object:
        return None

    async def verified(self, token: str, clock: Callable[[], float]) -> tuple[object, _Verified]:
        raise Unauthenticated


class _Development:
    """The development key; the clock that signs is the one that verifies, so it has no leeway."""

    def __init__(self, settings: Settings) -> None:
        self._keys = (development_key(settings),)
        self._rules = _Rules(DEVELOPMENT, DEVELOPMENT, ("HS256",), leeway=0)

    async def keys(self) -> object:
        return self._keys

    async def verified(self, token: str, clock: Callable[[], float]) -> tuple[object, _Verified]:
        try:
            return self._keys, self._rules.verify(token, self._keys, clock())
        except _Unborne:
            raise Unauthenticated from None


class _Provider:
    """The identity provider's keys; for a token they do not bear out they are fetched anew."""

    def __init__(self, settings: Settings) -> None:
        issuer, audience = settings.jwt_issuer or "", settings.jwt_audience or ""
        self._published = _PublishedKeys(settings.jwks_url or "")
        self._rules = _Rules(issuer, audience, ASYMMETRIC, LEEWAY)

    async def keys(self) -> object:
        return await self._published.current()

    async def verified(self, token: str, clock: Callable[[], float]) -> tuple[object, _Verified]:
        keys = await self._published.current()
        try:
            return keys, self._rules.verify(token, keys, clock())
        except _Unborne:
            newer = await self._published.newer_than(keys)
        try:
            return newer, self._rules.verify(token, newer, clock())
        except _Unborne:
            raise Unauthenticated from None


class _PublishedKeys:
    """The keys at an address, kept while they can be had and while they cannot.

    However many requests wait for them there is one fetch at a time, and few in a while. The keys
    are a new tuple only where the provider published other ones.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: tuple[Key, ...] = ()
        self._document: object = None
        self._fetched_at = float("-inf")
        self._begun: deque[float] = deque(maxlen=FETCHES)
        self._fetch: asyncio.Task[None] | None = None

    async def current(self) -> tuple[Key, ...]:
        """The keys at hand; old ones are fetched again meanwhile, the first ones awaited."""
        if not self._keys:
            await self._renew()
        elif time.monotonic() - self._fetched_at > KEYS_AGE:
            self._begin()
        return self._keys

    async def newer_than(self, keys: tuple[Key, ...]) -> tuple[Key, ...]:
        """The keys after another fetch, unless they are newer already or it is too soon."""
        if self._keys is keys:
            await self._renew()
        return self._keys

    async def _renew(self) -> None:
        fetch = self._begin()
        if fetch:
            await asyncio.shield(fetch)

    def _begin(self) -> asyncio.Task[None] | None:
        """The fetch under way, or a new one, or none where it is too soon for another."""
        if self._fetch and not self._fetch.done():
            return self._fetch
        now = time.monotonic()
        if len(self._begun) == FETCHES and now - self._begun[0] < FETCH_WINDOW:
            return None
        self._begun.append(now)
        self._fetch = asyncio.create_task(self._take())
        return self._fetch

    async def _take(self) -> None:
        try:
            document = json.loads(await _fetched(self._url))
            keys = _usable(document)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, RecursionError) as error:
            logger.warning("identity keys not fetched", reason=type(error).__name__)
            return
        self._fetched_at = time.monotonic()
        if document != self._document:
            self._document, self._keys = document, keys


async def _fetched(url: str) -> bytes:
    """The body at an address. Raises for anything but a short plain 200 within the time."""
    trust_proxies = not is_loopback(httpx.URL(url).host)
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    async with (
        asyncio.timeout(FETCH_TIMEOUT),
        httpx.AsyncClient(timeout=FETCH_TIMEOUT, trust_env=trust_proxies) as client,
        client.stream("GET", url, headers=headers) as answer,
    ):
        if answer.status_code != 200:
            raise ValueError("not the keys")
        body = bytearray()
        async for part in answer.aiter_raw():
            body += part
            if len(body) > MAX_KEYS_BODY:
                raise ValueError("more than keys")
        return bytes(body)


def _usable(document: Any) -> tuple[Key, ...]:
    """The keys that may sign tokens. Raises `ValueError` for what is no JWKS or has none."""
    published = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(published, list):
        raise ValueError("not a JWKS")
    keys = tuple(key for key in map(_imported, published) if key is not None)
    if not keys:
        raise ValueError("no usable key")
    return keys


def _imported(published: Any) -> Key | None:
    """A public key to verify with; None for one that is broken, weak or meant for something else.

    One such key is no reason to lose the others.
    """
    try:
        key = import_key(published, published["kty"])
    except Exception:
        return None
    if not isinstance(key, RSAKey | ECKey | OKPKey) or key.get("use") not in (None, "sig"):
        return None
    if isinstance(key, RSAKey) and key.raw_value.key_size < 2048:
        return None
    return key if "verify" in (key.get("key_ops") or ["verify"]) else None
