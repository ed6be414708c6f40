"""Settings, read once from the environment. Every one has a default that suits a laptop."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.core.oidc_providers import parse_oidc_providers
from service.core.smtp_url import parse_smtp_url

_ADDRESS = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+"

_SERVER = re.compile(r"https?://[^\s/@?#]+(/[^\s@?#]*)?")


class Settings(BaseSettings):
    """The whole configuration of a process.

    Three addresses, each independent, make the difference between a laptop and production:
    ``DATABASE_URL`` (unset: PostgreSQL starts from its wheel under ``DATA_DIR``), ``REDIS_URL``
    (unset: background work runs inside the API process) and ``MEILISEARCH_URL`` (unset: PostgreSQL
    answers searches).
    """

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database_url: str | None = Field(None, description="postgresql://… of a server 16 or newer.")
    database_pool_size: Annotated[int, Field(ge=1, le=200)] = 10
    redis_url: str | None = Field(None, description="redis://… or unix://…")
    meilisearch_url: str | None = None
    meilisearch_key: SecretStr | None = None

    data_dir: Path = Field(Path(".data"), description="Where the embedded database keeps its files.")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    public_url: str | None = Field(None, description="Address shown in links, without trailing slash.")
    secret_key: SecretStr | None = Field(
        None,
        description="Signs page cursors, makes sign-in codes and keys the ledger of erasures: keep it. "
        "Unset: made once and kept in the database.",
    )
    log_format: str = Field("auto", pattern="^(auto|json|console)$")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1_048_576

    max_header_bytes: Annotated[int, Field(ge=1024, le=1_048_576)] = 32_768
    public_cache_megabytes: Annotated[int, Field(ge=0, le=65_536)] = 64
    request_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    forwarded_allow_ips: str = Field(
        "127.0.0.1", description="Proxies whose X-Forwarded-For tells the caller's address, or *."
    )

    # How many requests are answered; 0: as many as come. api/limits/policies.py says what each counts.
    rate_limits: bool = True
    limit_network_per_minute: Annotated[int, Field(ge=0)] = 600
    limit_caller_per_minute: Annotated[int, Field(ge=0)] = 1200
    limit_network_writes_per_minute: Annotated[int, Field(ge=0)] = 120
    limit_caller_writes_per_minute: Annotated[int, Field(ge=0)] = 600
    limit_sign_in_per_hour: Annotated[int, Field(ge=0)] = 60
    limit_tokens_per_hour: Annotated[int, Field(ge=0)] = 600
    limit_oauth_tokens_per_hour: Annotated[int, Field(ge=0)] = 120
    lockout_failures: Annotated[int, Field(ge=0)] = 20
    lockout_window_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600
    lockout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 900

    worker_concurrency: Annotated[int, Field(ge=1, le=64)] = 4
    worker_poll_seconds: Annotated[float, Field(gt=0, le=60)] = 2.0
    worker_lease_seconds: Annotated[float, Field(ge=1, le=600)] = 30.0

    smtp_url: SecretStr | None = Field(
        None,
        description="smtp://user:password@host:587. Unset: mails are files in the folder mails of DATA_DIR.",
    )
    mail_from: str | None = Field(None, description="ancrage@example.org, or Name <ancrage@example.org>.")
    mail_bounce_address: str | None = Field(
        None, description="bounces+{token}@example.org: where what cannot be delivered comes back to."
    )

    oidc_providers: SecretStr | None = Field(
        None, description="JSON list of the OpenID providers that may vouch for persons."
    )

    france_travail_client_id: str | None = None
    france_travail_client_secret: SecretStr | None = None
    france_travail_token_url: str = (
        "https://entreprise.francetravail.fr/connexion/oauth2/access_token?realm=%2Fpartenaire"  # noqa: S105 - an address, not a secret
    )
    france_travail_api_url: str = "https://api.francetravail.io/partenaire/offresdemploi"

    @field_validator("public_url")
    @classmethod
    def _without_slash(cls, value: str | None) -> str | None:
        return None if value is None else value.rstrip("/")

    @property
    def public_address(self) -> str:
        """Return where browsers find the platform, without trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

    @field_validator("meilisearch_url")
    @classmethod
    def _engine(cls, value: str | None) -> str | None:
        if value is not None and not _SERVER.fullmatch(value):
            message = "it must look like http://localhost:7700; its key stands in MEILISEARCH_KEY"
            raise ValueError(message)
        return value

    @field_validator("oidc_providers")
    @classmethod
    def _providers(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_oidc_providers(value.get_secret_value())
        return value

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_smtp_url(value.get_secret_value())
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(rf"{_ADDRESS}|[^<>\"\x00-\x1f\x7f]+ <{_ADDRESS}>", value):
            message = "it must look like ancrage@example.org or Name <ancrage@example.org>"
            raise ValueError(message)
        return value

    @field_validator("mail_bounce_address")
    @classmethod
    def _with_token(cls, value: str | None) -> str | None:
        if value is not None and not (
            value.partition("@")[0].count("{token}") == 1 and re.fullmatch(_ADDRESS, value)
        ):
            message = "it must look like bounces+{token}@example.org"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _mail_comes_from_somebody(self) -> Self:
        if self.smtp_url is not None and self.mail_from is None:
            message = "with SMTP_URL, MAIL_FROM must say who mails come from"
            raise ValueError(message)
        return self

    @field_validator("database_url")
    @classmethod
    def _asyncpg(cls, value: str | None) -> str | None:
        if value is None:
            return None
        for prefix in ("postgresql+asyncpg://", "postgresql://", "postgres://"):
            if value.startswith(prefix):
                # libpq's name for it, as hosts write it in the addresses they hand out.
                address = re.sub(r"([?&])sslmode=", r"\1ssl=", value.removeprefix(prefix))
                return f"postgresql+asyncpg://{address}"
        message = "DATABASE_URL must begin with postgresql://"
        raise ValueError(message)


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the process's settings, read from the environment at the first call."""
    return Settings()
