"""What an operator may set: environment variables that begin with `CHIBO_`, or lines of a `.env`.

One value, `Settings`, is made at start and handed on; nothing else reads the environment. Nothing
here opens a file, a database or a connection. What is wrong is told as a `SettingsError` whose
message names the variable and never its value, for a value may be a password.
"""

import re
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    InstanceOf,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from graph.limits import Limits

PREFIX = "CHIBO_"

ASYNC_DRIVERS = {
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
}
NEO4J_SCHEMES = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")


class SettingsError(Exception):
    """A setting is missing or cannot be what it was given as; the message is for the operator."""


def _day(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        raise ValueError("must be a day, written YYYY-MM-DD")
    return value


def _database_url(value: Any) -> URL:
    """The URL with the driver Chibo speaks through, and with libpq's `sslmode` as that driver's."""
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError("is no database URL") from None
    if url.drivername not in ASYNC_DRIVERS:
        raise ValueError("must begin with postgresql:// or sqlite://")
    if "sslmode" in url.query:
        mode = url.query["sslmode"]
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return url.set(drivername=ASYNC_DRIVERS[url.drivername])


def _database_in(values: dict[str, Any]) -> URL:
    return URL.create("sqlite+aiosqlite", database=str(values["home"] / "chibo.db"))


def _neo4j_uri(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in NEO4J_SCHEMES or not parts.hostname:
        raise ValueError(f"must begin with one of {', '.join(NEO4J_SCHEMES)}, then ://host")
    if parts.username or parts.password:
        raise ValueError("must not hold a name or password: they have variables of their own")
    return value


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("must begin with https:// or http://, then a host")
    return value


def _origins(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(origin.strip() for origin in value.split(",") if origin.strip())


def _origin(value: str) -> str:
    if value != "*" and not re.fullmatch(r"https?://[^/?#@\s]+", value):
        raise ValueError("must be origins such as https://example.org, without a path")
    return value


def _metrics_token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]{16,}", value.get_secret_value()):
        raise ValueError("must be 16 characters or more, of ASCII and without spaces")
    return value


Origin = Annotated[str, AfterValidator(_origin)]


class Settings(BaseSettings):
    """Every setting, checked. Raises `SettingsError`, never pydantic's own error."""

    model_config = SettingsConfigDict(
        enable_decoding=False,
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    home: Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())] = Field(
        default=Path(".chibo"),
        validate_default=True,
        description="Folder of the default database and the development key.",
    )
    database_url: Annotated[InstanceOf[URL], BeforeValidator(_database_url)] = Field(
        default_factory=_database_in,
        repr=False,
        description="SQLAlchemy URL of the records: SQLite or PostgreSQL.",
    )
    neo4j_uri: Annotated[str, AfterValidator(_neo4j_uri)] | None = Field(
        default=None,
        description="Neo4j that keeps the tree; unset, the records' database keeps it.",
    )
    neo4j_user: str = Field(default="neo4j", description="User at Neo4j.")
    neo4j_password: SecretStr | None = Field(
        default=None, description="Password at Neo4j; unset, Neo4j is asked without a log-in."
    )
    neo4j_database: str | None = Field(
        default=None, description="Database in Neo4j; unset, the one named neo4j."
    )
    fixed_today: Annotated[date, BeforeValidator(_day)] | None = Field(
        default=None,
        validation_alias="CHIBO_TODAY",
        description="A fixed day taken for today, for tests and demos.",
    )
    timezone: ZoneInfo = Field(
        default=ZoneInfo("Asia/Ho_Chi_Minh"), description="Time zone in which a day begins."
    )
    max_depth: int = Field(
        default=15, ge=1, le=50, description="How deep the fields of one request may nest."
    )
    max_aliases: int = Field(
        default=100,
        ge=0,
        description=(
            "How many fields of one request may carry an alias or a response name given twice in "
            "one selection."
        ),
    )
    max_tokens: int = Field(
        default=10_000, ge=1, description="How many tokens one document may have."
    )
    max_cost: int = Field(
        default=1_000_000, ge=1, description="How many estimated values one request may cost."
    )
    cost_per_minute: int = Field(
        default=60_000_000,
        ge=0,
        description=(
            "How many estimated values one principal may ask of one worker in a minute; with 0, "
            "as many as they like."
        ),
    )
    max_seconds: float = Field(
        default=30,
        ge=0,
        allow_inf_nan=False,
        description="How many seconds one request may run; with 0, as long as it takes.",
    )
    max_body: int = Field(
        default=1024 * 1024, ge=1, description="How many bytes the body of one request may have."
    )
    max_batch: int = Field(
        default=1,
        ge=1,
        description="How many requests one JSON array may hold; with 1, arrays are refused.",
    )
    max_streams: int = Field(
        default=5_000, ge=1, description="How many streams of changes one worker keeps open."
    )
    max_streams_per_principal: int = Field(
        default=50, ge=1, description="How many of them one principal may have open at a worker."
    )
    slow_reader_seconds: float = Field(
        default=10.0,
        gt=0,
        allow_inf_nan=False,
        description="How long the reader of a stream may take what is sent to it, in seconds.",
    )
    changes_kept_days: int = Field(
        default=7, ge=1, le=3_650, description="For how many days a stream may be resumed."
    )
    public_schema: bool = Field(
        default=False, description="Whether introspection is answered without a token."
    )
    explorer: bool = Field(
        default=False, description="Whether browsers are shown the page to explore."
    )
    apq: bool = Field(
        default=False, description="Whether a document sent beside its hash is kept under it."
    )
    trusted_documents_only: bool = Field(
        default=False, description="Whether only trusted documents are answered."
    )
    cors_origins: Annotated[tuple[Origin, ...], BeforeValidator(_origins)] = Field(
        default=(), description="Origins of browsers that may ask, comma-separated."
    )
    metrics_token: Annotated[SecretStr, AfterValidator(_metrics_token)] | None = Field(
        default=None,
        description="Token that /metrics asks for, 16 characters or more; unset, there is none.",
    )
    traces: bool = Field(
        default=False,
        description="Whether traces are sent where the OTEL_ variables of OpenTelemetry say.",
    )
    jwks_url: Annotated[str, AfterValidator(_http_url)] | None = Field(
        default=None,
        description="Where the identity provider publishes the keys that sign tokens.",
    )
    jwt_issuer: str | None = Field(
        default=None, description="Issuer that tokens must name; needed with a JWKS."
    )
    jwt_audience: str | None = Field(
        default=None, description="Audience that tokens must name; needed with a JWKS."
    )
    development_tokens: bool = Field(
        default=False,
        description=(
            "Whether tokens of the development key are accepted by a server that is not bound to "
            "loopback; beside a JWKS they never are."
        ),
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError(_message(error)) from None
        except (OSError, UnicodeDecodeError):
            raise SettingsError(".env cannot be read as UTF-8 text") from None

    @model_validator(mode="after")
    def _provider_is_whole(self) -> Self:
        """A half-named provider would accept tokens made for somebody else, or for nobody."""
        given = {"CHIBO_JWKS_URL": self.jwks_url, "CHIBO_JWT_ISSUER": self.jwt_issuer}
        given["CHIBO_JWT_AUDIENCE"] = self.jwt_audience
        missing = [name for name, value in given.items() if not value]
        if 0 < len(missing) < len(given):
            raise ValueError(f"{' and '.join(missing)} must be set beside the other JWT settings")
        return self

    @model_validator(mode="after")
    def _budget_suffices(self) -> Self:
        """Else a request within the limits would never be answered, however long one waits."""
        if 0 < self.cost_per_minute < self.max_cost:
            raise ValueError("CHIBO_COST_PER_MINUTE must be 0 or at least CHIBO_MAX_COST")
        return self

    def today(self) -> date:
        """The fixed day, or the day it is now in the time zone."""
        return self.fixed_today or datetime.now(self.timezone).date()

    def limits(self) -> Limits:
        """The limits of one request."""
        return Limits(self.max_depth, self.max_aliases, self.max_tokens, self.max_cost)

    def neo4j_login(self) -> tuple[str, str] | None:
        """User and password, or None where Neo4j is asked without a log-in."""
        if self.neo4j_password is None:
            return None
        return self.neo4j_user, self.neo4j_password.get_secret_value()

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Each variable with its description, in the order of the documentation."""
        return {
            _variable(name): field.description or "" for name, field in cls.model_fields.items()
        }


def _variable(field: str) -> str:
    alias = (
        Settings.model_fields[field].validation_alias if field in Settings.model_fields else None
    )
    return alias if isinstance(alias, str) else f"{PREFIX}{field.upper()}"


def _message(error: ValidationError) -> str:
    return "\n".join(_line(problem["loc"], problem["msg"]) for problem in error.errors())


def _line(place: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    if not place:
        return message
    name = str(place[0])
    return f"{name if name.startswith(PREFIX) else _variable(name)}: {message}"
