"""A principal is whom a good token names, and nothing else about a request makes one."""

import asyncio
import base64
import hashlib
import hmac
import json
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from server import identity
from server.identity import (
    Identity,
    Principal,
    Unauthenticated,
    development_key,
    development_token,
    is_loopback,
)
from server.settings import Settings, SettingsError

ISSUER, AUDIENCE = "https://id.example", "chibo"
NOW = 1_750_000_000


class Provider:
    """A signing endpoint: publishes its keys on loopback, counts who asks, fails when told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.failing = False
        self.body = b""
        self.key: Key = ECKey.generate_key("P-256", {"kid": "first"})
        self.publish(self.key)
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                self.send_response(503 if provider.failing else 200)
                self.send_header("Content-Length", str(len(provider.body)))
                self.end_headers()
                self.wfile.write(provider.body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def publish(self, *keys: Key) -> None:
        self.key = keys[0]
        self.body = json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()

    def settings(self, home: Path, **more: bool) -> Settings:
        url = f"http://127.0.0.1:{self.server.server_port}/jwks"
        return Settings(home=home, jwks_url=url, jwt_issuer=ISSUER, jwt_audience=AUDIENCE, **more)

    def token(self, key: Key | None = None, alg: str = "ES256", **claims: Any) -> str:
        key = key or self.key
        header = {"alg": alg, "kid": key.kid} if key.kid else {"alg": alg}
        return jwt.encode(header, claims_of(**claims), key, registry=ANY)


class Anything(JWSRegistry):
    """Signs with any algorithm."""

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]


ANY = Anything(strict_check_header=False)


def claims_of(**changes: Any) -> dict[str, Any]:
    """Good claims with some changed, or left out where the change is `...`."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "lan", "exp": NOW + 600, **changes}
    return {name: value for name, value in claims.items() if value is not ...}


def encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed_by(key: Key, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token as nobody would make it, but well signed."""
    signed = f"{encoded(header)}.{encoded(claims)}"
    signature = JWSRegistry.algorithms["ES256"].sign(signed.encode(), key)
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.server.shutdown()
    provider.server.server_close()


@pytest.fixture
def asked(provider: Provider, tmp_path: Path) -> Identity:
    return Identity(provider.settings(tmp_path), "0.0.0.0", clock=lambda: NOW)


async def refused(identity: Identity, header: str | None) -> bool:
    try:
        await identity.principal(header)
    except Unauthenticated as error:
        return str(error) == "A valid token is needed."
    return False


# ---- the identity provider


async def test_a_good_token_names_its_principal(provider: Provider, asked: Identity) -> None:
    principal = await asked.principal(f"Bearer {provider.token()}")
    assert principal == Principal("lan", datetime.fromtimestamp(NOW + 630, UTC))


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
async def test_the_scheme_is_written_as_one_likes(
    provider: Provider, asked: Identity, scheme: str
) -> None:
    assert (await asked.principal(scheme + provider.token())).name == "lan"


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic bGFuOmxhbg==", "Bearer a.b", "Bearer a.b.c", "Bearer ..",
     "Bearer " + "a" * 100_000, "Bearer a.b.c d.e.f", "Bearer é.é.é", "\0"],
)  # fmt: skip
async def test_what_is_no_token_is_refused(asked: Identity, header: str | None) -> None:
    assert await refused(asked, header)


async def test_a_token_of_absurd_size_is_refused_unread(
    provider: Provider, asked: Identity
) -> None:
    assert await refused(asked, f"Bearer {provider.token(more='x' * 20_000)}")
    assert provider.asked == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"iss": ISSUER + "/"},
        {"iss": [ISSUER]},
        {"iss": ...},
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": []},
        {"aud": ...},
        {"exp": ...},
        {"exp": NOW - 31},
        {"exp": NOW - 30},
        {"exp": str(NOW + 600)},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"nbf": NOW + 31},
        {"nbf": "soon"},
        {"sub": ...},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": ["lan"]},
        {"sub": {"name": "lan"}},
        {"sub": "la\0n"},
        {"sub": "\ud800"},
    ],
)
async def test_a_token_that_says_the_wrong_thing_is_refused(
    provider: Provider, asked: Identity, changes: dict[str, Any]
) -> None:
    header = {"alg": "ES256", "kid": "first"}
    token = signed_by(provider.key, header, claims_of(**changes))
    assert await refused(asked, f"Bearer {token}")


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW - 29},
        {"nbf": NOW + 29},
        {"nbf": NOW - 5},
        {"aud": ["other", AUDIENCE]},
        {"exp": 10**40},
        {"exp": NOW + 0.5},
    ],
)
async def test_clocks_may_differ_and_an_audience_be_one_of_several(
    provider: Provider, asked: Identity, changes: dict[str, Any]
) -> None:
    assert (await asked.principal(f"Bearer {provider.token(**changes)}")).name == "lan"


@pytest.mark.parametrize(
    "name",
    ["Nguyễn Văn A", "Nguye\u0302\u0303n", " lan ", "LAN", "老", "🀄", "a\tb", "\u202elan", "%"],
)
async def test_a_principal_is_exactly_what_the_token_says(
    provider: Provider, asked: Identity, tmp_path: Path, name: str
) -> None:
    assert (await asked.principal(f"Bearer {provider.token(sub=name)}")).name == name
    settings = Settings(home=tmp_path)
    token = development_token(settings, name, 60)
    assert (await Identity(settings, "::1").principal(f"Bearer {token}")).name == name


@pytest.mark.parametrize(
    ("alg", "key"),
    [
        ("RS256", RSAKey.generate_key(2048, {"kid": "r"})),
        ("PS384", RSAKey.generate_key(2048, {"kid": "p"})),
        ("ES512", ECKey.generate_key("P-521", {"kid": "e"})),
        ("EdDSA", OKPKey.generate_key("Ed25519", {"kid": "d"})),
        ("Ed25519", OKPKey.generate_key("Ed25519", {"kid": "f"})),
        ("ES256", ECKey.generate_key("P-256")),
    ],
)
async def test_asymmetric_algorithms_are_accepted(
    provider: Provider, asked: Identity, alg: str, key: Key
) -> None:
    """With a key that has an id, and with the only one of its kind that has none."""
    provider.publish(key)
    assert (await asked.principal(f"Bearer {provider.token(alg=alg)}")).name == "lan"


async def test_no_signature_is_refused(provider: Provider, asked: Identity) -> None:
    for alg in ("none", "None", "NONE"):
        unsigned = f"{encoded({'alg': alg, 'kid': 'first'})}.{encoded(claims_of())}."
        assert await refused(asked, f"Bearer {unsigned}")
        assert await refused(asked, f"Bearer {unsigned}AAAA")


async def test_a_public_key_is_no_secret_to_sign_with(provider: Provider, asked: Identity) -> None:
    """HMAC over every form in which the public key may be had."""
    key = RSAKey.generate_key(2048, {"kid": "first"})
    provider.publish(key)
    published = json.dumps(key.as_dict(private=False)).encode()
    for secret in (key.as_pem(private=False), key.as_der(private=False), published):
        signed = f"{encoded({'alg': 'HS256', 'kid': 'first'})}.{encoded(claims_of())}"
        digest = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        tail = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        assert await refused(asked, f"Bearer {signed}.{tail}")


async def test_a_shared_secret_among_the_published_keys_is_never_used(
    provider: Provider, asked: Identity
) -> None:
    secret = OctKey.generate_key(256, {"kid": "s"})
    listed = [secret.as_dict(private=True), provider.key.as_dict(private=False)]
    provider.body = json.dumps({"keys": listed}).encode()
    assert await refused(asked, f"Bearer {provider.token(key=secret, alg='HS256')}")
    assert not await refused(asked, f"Bearer {provider.token()}")


async def test_a_key_is_used_only_as_it_is_meant(provider: Provider, asked: Identity) -> None:
    """Not one for encryption, not one for another algorithm, not another curve."""
    encrypting = ECKey.generate_key("P-256", {"kid": "enc"})
    other = RSAKey.generate_key(2048, {"kid": "rs512"})
    listed = [
        {**encrypting.as_dict(private=False), "use": "enc"},
        {**other.as_dict(private=False), "alg": "RS512"},
        {"kty": "future", "kid": "x"},
        {"kty": "EC", "crv": "P-256", "x": "!", "y": "!"},
        "key",
    ]
    provider.body = json.dumps({"keys": listed}).encode()
    assert await refused(asked, f"Bearer {provider.token(key=encrypting)}")
    assert await refused(asked, f"Bearer {provider.token(key=other, alg='RS256')}")
    assert not await refused(asked, f"Bearer {provider.token(key=other, alg='RS512')}")


async def test_headers_that_bring_their_own_key_or_rules_are_not_followed(
    provider: Provider, asked: Identity
) -> None:
    mine = ECKey.generate_key("P-256", {"kid": "first"})
    brought = {"alg": "ES256", "kid": "first", "jwk": mine.as_dict(private=False)}
    assert await refused(asked, f"Bearer {jwt.encode(brought, claims_of(), mine, registry=ANY)}")
    rules: list[dict[str, Any]] = [{"crit": ["exp"], "exp": 1}, {"crit": ["b64"], "b64": False}]
    for rule in [*rules, {"crit": []}]:
        critical = signed_by(provider.key, {"alg": "ES256", "kid": "first", **rule}, claims_of())
        assert await refused(asked, f"Bearer {critical}")


async def test_a_header_made_to_break_the_parser_is_refused(asked: Identity) -> None:
    for header in (b"[" * 2_000, b"[]", b"7", b'{"alg":[]}', b'{"alg":"ES256","kid":{}}', b"\xff"):
        head = base64.urlsafe_b64encode(header).rstrip(b"=").decode()
        assert await refused(asked, f"Bearer {head}.e30.AAAA")


async def test_an_unknown_key_has_the_keys_fetched_but_not_over_and_over(
    provider: Provider, asked: Identity
) -> None:
    """Fifty tokens with random ids at once, then fifty in a row."""
    stranger = ECKey.generate_key("P-256")
    tokens = [
        jwt.encode({"alg": "ES256", "kid": f"k{number}"}, claims_of(), stranger)
        for number in range(100)
    ]
    assert all(await asyncio.gather(*(refused(asked, f"Bearer {token}") for token in tokens[:50])))
    for token in tokens[50:]:
        assert await refused(asked, f"Bearer {token}")
    assert provider.asked <= identity.FETCHES
    assert not await refused(asked, f"Bearer {provider.token()}")


async def test_a_rotated_key_is_known_at_once_and_the_old_one_no_more(
    provider: Provider, asked: Identity
) -> None:
    """What was verified before is forgotten with the key it was signed with."""
    old = f"Bearer {provider.token()}"
    assert not await refused(asked, old)
    provider.publish(ECKey.generate_key("P-256", {"kid": "second"}))
    assert not await refused(asked, old)
    assert not await refused(asked, f"Bearer {provider.token()}")
    assert await refused(asked, old)


async def test_keys_are_fetched_again_after_a_while(
    provider: Provider, asked: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind the requests, which go on with the old ones."""
    old = f"Bearer {provider.token()}"
    assert not await refused(asked, old)
    provider.publish(ECKey.generate_key("P-256", {"kid": "second"}))
    monkeypatch.setattr(identity, "KEYS_AGE", 0.0)
    assert not await refused(asked, old)
    for _ in range(100):
        if await refused(asked, old):
            break
        await asyncio.sleep(0.02)
    assert await refused(asked, old)


async def test_keys_once_fetched_outlive_their_provider(
    provider: Provider, asked: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not await refused(asked, f"Bearer {provider.token()}")
    monkeypatch.setattr(identity, "KEYS_AGE", 0.0)
    provider.failing = True
    assert not await refused(asked, f"Bearer {provider.token(sub='minh')}")
    stranger = ECKey.generate_key("P-256", {"kid": "k"})
    assert await refused(asked, f"Bearer {provider.token(key=stranger)}")
    assert not await refused(asked, f"Bearer {provider.token(sub='tuấn')}")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"keys": 7}', b'{"keys": []}', b"[" * 10**5])
async def test_a_provider_without_keys_makes_every_token_refused(
    provider: Provider, asked: Identity, body: bytes
) -> None:
    token = provider.token()
    provider.body = body
    assert await refused(asked, f"Bearer {token}")


async def test_a_provider_that_answers_endlessly_is_not_listened_to(
    provider: Provider, asked: Identity
) -> None:
    token = provider.token()
    provider.body = provider.body.replace(b"]", b"," + b" " * identity.MAX_KEYS_BODY + b"]")
    assert await refused(asked, f"Bearer {token}")


async def test_a_provider_that_is_not_there_is_no_error_of_the_server(tmp_path: Path) -> None:
    gone = Provider()
    settings, token = gone.settings(tmp_path), gone.token()
    gone.server.shutdown()
    gone.server.server_close()
    assert await refused(Identity(settings, "127.0.0.1"), f"Bearer {token}")


async def test_a_verified_token_is_remembered_until_it_expires(
    provider: Provider, tmp_path: Path
) -> None:
    moment = [float(NOW)]
    asked = Identity(provider.settings(tmp_path), "0.0.0.0", clock=lambda: moment[0])
    header = f"Bearer {provider.token(exp=NOW + 10)}"
    first = await asked.principal(header)
    assert await asked.principal(header) is first
    moment[0] = NOW + 10
    assert await asked.principal(header) is not first
    moment[0] = NOW + 41
    assert await refused(asked, header)


async def test_few_verified_tokens_are_remembered(
    provider: Provider, asked: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "KEPT_TOKENS", 2)
    headers = [f"Bearer {provider.token(sub=name)}" for name in "abc"]
    first, _, third = [await asked.principal(header) for header in headers]
    assert await asked.principal(headers[2]) is third
    assert await asked.principal(headers[0]) is not first


# ---- the development key


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]"])
async def test_development_tokens_are_accepted_on_loopback(tmp_path: Path, host: str) -> None:
    settings = Settings(home=tmp_path)
    token = development_token(settings, "lan", 60)
    principal = await Identity(settings, host).principal(f"Bearer {token}")
    assert principal.name == "lan"
    assert timedelta(seconds=50) < principal.expires_at - datetime.now(UTC) <= timedelta(minutes=1)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "chibo.example", "", "128.0.0.1"])
async def test_development_tokens_are_refused_elsewhere_unless_told(
    tmp_path: Path, host: str
) -> None:
    settings = Settings(home=tmp_path)
    header = f"Bearer {development_token(settings, 'lan', 60)}"
    assert not is_loopback(host)
    assert await refused(Identity(settings, host), header)
    told = Settings(home=tmp_path, development_tokens=True)
    assert not await refused(Identity(told, host), header)


async def test_development_tokens_are_refused_beside_a_provider(
    provider: Provider, tmp_path: Path
) -> None:
    """On loopback too, told or not; and the provider's where there is none in the settings."""
    settings = provider.settings(tmp_path)
    told = provider.settings(tmp_path, development_tokens=True)
    header = f"Bearer {development_token(settings, 'lan', 60)}"
    for each in (settings, told):
        assert Identity(each, "127.0.0.1").source == "provider"
        assert await refused(Identity(each, "127.0.0.1"), header)
    alone = Identity(Settings(home=tmp_path), "127.0.0.1", clock=lambda: NOW)
    assert await refused(alone, f"Bearer {provider.token()}")


async def test_a_development_token_runs_out_to_the_second(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    start = datetime.fromtimestamp(NOW, UTC)
    header = f"Bearer {development_token(settings, 'lan', 5, now=start)}"
    moment = [NOW + 4.9]
    asked = Identity(settings, "127.0.0.1", clock=lambda: moment[0])
    assert (await asked.principal(header)).expires_at == start + timedelta(seconds=5)
    moment[0] = NOW + 5.0
    assert await refused(asked, header)


async def test_a_development_token_of_another_home_is_refused(tmp_path: Path) -> None:
    here, there = Settings(home=tmp_path / "here"), Settings(home=tmp_path / "there")
    token = development_token(there, "lan", 60)
    assert await refused(Identity(here, "127.0.0.1"), f"Bearer {token}")


def test_the_key_is_its_owners_alone(tmp_path: Path) -> None:
    development_key(Settings(home=tmp_path / "home"))
    [kept] = (tmp_path / "home").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_all_who_make_the_key_at_once_get_the_same(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    together = threading.Barrier(8)

    def make(_: int) -> bytes:
        together.wait()
        return development_key(settings).raw_value

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(make, range(8)))) == 1
    assert len(list(settings.home.iterdir())) == 1


@pytest.mark.parametrize("content", ["", "short", "zz" * 32])
def test_a_spoiled_key_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "development.key").write_text(content)
    with pytest.raises(SettingsError, match="CHIBO_HOME"):
        development_key(Settings(home=tmp_path))


def test_a_home_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="CHIBO_HOME"):
        development_key(Settings(home=tmp_path / "file"))


@pytest.mark.parametrize(("name", "seconds"), [("", 60), ("a\0", 60), ("\ud800", 60), ("lan", 0)])
def test_no_token_is_made_for_nobody_or_no_time(tmp_path: Path, name: str, seconds: int) -> None:
    with pytest.raises(ValueError, match=r"principal|token"):
        development_token(Settings(home=tmp_path), name, seconds)
