"""What the user configures: places and habits in virality.toml, secrets only in the environment.

Environment variables win over ``.env``, which wins over ``virality.toml``. A secret is read when a
platform is asked, handed on as a SecretStr, and kept nowhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretStr, create_model
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

FILE = "virality.toml"


def root() -> Path:
    """The project's folder: the nearest one upwards that holds virality.toml, else where we stand."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / FILE).is_file()), here)


class Settings(BaseSettings):
    """Places and habits. Each is VIRALITY_<NAME> in the environment or a line in virality.toml."""

    model_config = SettingsConfigDict(env_prefix="VIRALITY_", extra="ignore")

    store: str = "data/store"
    """Where the tables are: a folder or an object-storage URL."""
    site: str = "reports/site"
    """Where pages are published."""
    site_address: str = ""
    """Where readers find the site, as https://example.org/reports/; empty: its feed's links are relative."""
    site_zone: str = "UTC"
    """The time zone a reader may switch to, as Europe/Berlin."""
    notebooks: str = "notebooks"
    """Where the reports' notebooks are."""
    watchlist: str = "data/watchlist.toml"
    """What to collect."""
    schedule: str = "reports/schedule.toml"
    """Which report is due when, for `virality run`."""
    private_pages: bool = False
    """Whether `virality links` may look at private and loopback addresses: for an intranet of one's own."""
    contact: str = ""
    """An address platforms may write to; part of the User-Agent."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before .env before virality.toml."""
        return (init_settings, env_settings, dotenv_settings, TomlConfigSettingsSource(settings_cls))

    def path(self, name: str) -> str:
        """The setting as an absolute path (object-storage URLs as they are)."""
        value: str = getattr(self, name)
        return value if "://" in value else str((root() / value).resolve())


def settings() -> Settings:
    """The settings as they are now."""

    class Here(Settings):
        model_config = SettingsConfigDict(
            env_prefix="VIRALITY_", extra="ignore", env_file=root() / ".env", toml_file=root() / FILE
        )

    return Here()


def keys(platform: str, names: tuple[str, ...]) -> dict[str, SecretStr | None]:
    """The platform's keys, VIRALITY_<PLATFORM>_<NAME>, from the environment or .env; None where unset."""
    fields: dict[str, Any] = dict.fromkeys(names, (SecretStr | None, None))
    model = create_model("Keys", __base__=BaseSettings, **fields)
    model.model_config = SettingsConfigDict(
        env_prefix=f"VIRALITY_{platform.upper()}_", extra="ignore", env_file=root() / ".env"
    )
    found = model()
    values = {name: getattr(found, name) for name in names}
    return {name: value if value and value.get_secret_value() else None for name, value in values.items()}


def addresses() -> tuple[SecretStr, ...]:
    """Where alerts go: VIRALITY_ALERTS, addresses as Apprise writes them, a blank or a line end between."""

    class Where(BaseSettings):
        model_config = SettingsConfigDict(env_prefix="VIRALITY_", extra="ignore", env_file=root() / ".env")
        alerts: SecretStr = SecretStr("")

    return tuple(SecretStr(one) for one in Where().alerts.get_secret_value().split())
