"""Settings come from the environment or a `.env`, are checked at once, and keep their secrets."""

import os
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from graph.limits import Limits
from server.settings import Settings, SettingsError

FORMATS = """
    HOME DATABASE_URL NEO4J_URI NEO4J_USER NEO4J_PASSWORD NEO4J_DATABASE TODAY TIMEZONE MAX_DEPTH
    MAX_ALIASES MAX_TOKENS MAX_COST COST_PER_MINUTE MAX_SECONDS MAX_BODY MAX_BATCH PUBLIC_SCHEMA
    EXPLORER APQ
    TRUSTED_DOCUMENTS_ONLY CORS_ORIGINS JWKS_URL JWT_ISSUER JWT_AUDIENCE DEVELOPMENT_TOKENS
    METRICS_TOKEN TRACES
    MAX_STREAMS MAX_STREAMS_PER_PRINCIPAL SLOW_READER_SECONDS CHANGES_KEPT_DAYS
"""


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder without a `.env` and an environment without settings."""
    for name in [name for name in os.environ if name.upper().startswith("CHIBO_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def settings_of(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(f"CHIBO_{name}", value)
    return Settings()


def test_every_variable_of_the_format_is_there_and_described() -> None:
    variables = Settings.variables()
    assert set(variables) == {f"CHIBO_{name}" for name in FORMATS.split()}
    assert all(variables.values())


def test_defaults_are_those_of_the_format() -> None:
    settings = Settings()
    assert settings.home == Path.cwd() / ".chibo"
    assert settings.limits() == Limits(max_depth=15, max_aliases=100, max_tokens=10_000)
    assert (settings.max_body, settings.max_batch) == (1024 * 1024, 1)
    assert (settings.max_cost, settings.cost_per_minute) == (1_000_000, 60_000_000)
    assert settings.max_seconds == 30
    assert settings.timezone == ZoneInfo("Asia/Ho_Chi_Minh")
    assert not (settings.public_schema or settings.explorer or settings.development_tokens)
    assert not (settings.apq or settings.trusted_documents_only)
    assert (settings.metrics_token, settings.traces) == (None, False)
    assert (settings.cors_origins, settings.jwks_url, settings.neo4j_uri) == ((), None, None)


def test_the_records_are_kept_in_home_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = settings_of(monkeypatch, HOME=str(tmp_path / "a b"))
    assert str(settings.database_url) == f"sqlite+aiosqlite:///{tmp_path}/a b/chibo.db"


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("sqlite:///records.db", "sqlite+aiosqlite:///records.db"),
        ("sqlite+aiosqlite:////var/records.db", "sqlite+aiosqlite:////var/records.db"),
        ("postgresql://u:p@db:5432/chibo", "postgresql+asyncpg://u:p@db:5432/chibo"),
        ("postgres://u@db/chibo", "postgresql+asyncpg://u@db/chibo"),
        ("postgresql+asyncpg://u@db/chibo", "postgresql+asyncpg://u@db/chibo"),
        ("postgresql://u@db/c?sslmode=require", "postgresql+asyncpg://u@db/c?ssl=require"),
        ("postgresql://u@/c?host=/run/pg", "postgresql+asyncpg://u@/c?host=/run/pg"),
    ],
)
def test_plain_database_urls_are_given_the_async_driver(
    monkeypatch: pytest.MonkeyPatch, given: str, taken: str
) -> None:
    url = settings_of(monkeypatch, DATABASE_URL=given).database_url
    assert url.render_as_string(hide_password=False).replace("%2F", "/") == taken


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://root:hunter2@db/chibo"),
        ("DATABASE_URL", "hunter2"),
        ("NEO4J_URI", "http://db:7474/hunter2"),
        ("NEO4J_URI", "bolt://neo4j:hunter2@db"),
        ("TODAY", "20240102"),
        ("TODAY", "2024-02-30"),
        ("TODAY", "1700000000"),
        ("TIMEZONE", "Mars/Olympus"),
        ("TIMEZONE", "../../etc/passwd"),
        ("MAX_DEPTH", "0"),
        ("MAX_DEPTH", "51"),
        ("MAX_ALIASES", "-1"),
        ("MAX_TOKENS", "many"),
        ("MAX_BODY", "1 MiB"),
        ("MAX_BATCH", "0"),
        ("SLOW_READER_SECONDS", "inf"),
        ("CHANGES_KEPT_DAYS", "9999999"),
        ("METRICS_TOKEN", "hunter2"),
        ("METRICS_TOKEN", "khóa bí mật dài lắm"),
        ("PUBLIC_SCHEMA", "perhaps"),
        ("CORS_ORIGINS", "https://a.example/path"),
        ("JWKS_URL", "file:///etc/keys.json"),
    ],
)
def test_a_bad_value_is_told_by_the_variables_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """In one line without the value's secret."""
    with pytest.raises(SettingsError) as caught:
        settings_of(monkeypatch, **{name: value})
    assert str(caught.value).startswith(f"CHIBO_{name}: ")
    assert "hunter2" not in str(caught.value)


def test_every_bad_value_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(monkeypatch, MAX_DEPTH="x", TODAY="x", EXPLORER="x")
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "CHIBO_TODAY",
        "CHIBO_MAX_DEPTH",
        "CHIBO_EXPLORER",
    ]


def test_no_password_is_in_what_settings_print(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(
        monkeypatch,
        DATABASE_URL="postgresql://u:hunter2@db/chibo?password=hunter2",
        NEO4J_URI="bolt://db",
        NEO4J_PASSWORD="hunter2",
    )
    assert settings.neo4j_login() == ("neo4j", "hunter2")
    assert "hunter2" not in f"{settings!r} {settings} "


def test_neo4j_is_asked_without_a_log_in_where_no_password_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert settings_of(monkeypatch, NEO4J_URI="neo4j+s://db").neo4j_login() is None


def test_today_may_be_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_of(monkeypatch, TODAY="2024-02-29").today().isoformat() == "2024-02-29"


def test_today_begins_in_the_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty-six hours apart there are always two days."""
    east = settings_of(monkeypatch, TIMEZONE="Etc/GMT-14").today()
    west = settings_of(monkeypatch, TIMEZONE="Etc/GMT+12").today()
    assert east > west
    here = settings_of(monkeypatch, TIMEZONE="Asia/Ho_Chi_Minh").today()
    assert here == datetime.now(ZoneInfo("Asia/Ho_Chi_Minh")).date()


def test_origins_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(monkeypatch, CORS_ORIGINS=" https://a.example , http://b:3000,")
    assert settings.cors_origins == ("https://a.example", "http://b:3000")


@pytest.mark.parametrize("left_out", ["JWKS_URL", "JWT_ISSUER", "JWT_AUDIENCE"])
def test_an_identity_provider_is_named_whole(
    monkeypatch: pytest.MonkeyPatch, left_out: str
) -> None:
    provider = {"JWKS_URL": "https://id/jwks", "JWT_ISSUER": "https://id", "JWT_AUDIENCE": "chibo"}
    assert settings_of(monkeypatch, **provider).jwt_audience == "chibo"
    monkeypatch.delenv(f"CHIBO_{left_out}")
    with pytest.raises(SettingsError, match=f"CHIBO_{left_out} must be set"):
        Settings()


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(monkeypatch, NEO4J_URI="", MAX_DEPTH="", JWKS_URL="")
    assert settings == Settings()


def test_a_file_is_read_and_the_environment_goes_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text("CHIBO_MAX_DEPTH=7\nCHIBO_MAX_BATCH=3\nOTHER=1\n")
    settings = settings_of(monkeypatch, MAX_BATCH="4")
    assert (settings.max_depth, settings.max_batch) == (7, 4)


def test_a_file_that_is_no_text_is_told() -> None:
    Path(".env").write_bytes(b"CHIBO_HOME=\xff\xfe")
    with pytest.raises(SettingsError, match=r"\.env"):
        Settings()


def test_settings_never_change() -> None:
    with pytest.raises(ValidationError):
        Settings().max_depth = 3
