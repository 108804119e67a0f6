"""The settings of an installation: one TOML file, read into frozen records. An unknown key is an error.

The file is looked for at `--config`, then at `PAYDOWN_CONFIG`, then at `config.toml` in the user's configuration
folder; having none is fine. No setting holds a secret: secrets come from the environment or from files of their own.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator

from paydown.collect.settings import CollectSettings, SourceSettings
from paydown.errors import PaydownError, UsageError
from paydown.ledger.settings import LedgerSettings
from paydown.model.nearest import suggestion
from paydown.model.when import zone_named

Format = Literal["table", "json", "csv", "parquet", "markdown", "html"]
"""How an answer is written."""

STORE_VARIABLE = "PAYDOWN_STORE"
"""The environment variable that names the store; `--store` is stronger, the file weaker."""

CONFIG_VARIABLE = "PAYDOWN_CONFIG"
"""The environment variable that names the configuration file; `--config` is stronger."""


class Settings(BaseModel):
    """What can be set once instead of on every command."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: str | None = Field(
        None,
        description="The store: a folder, relative to the file's own folder, or s3://BUCKET/PREFIX.",
        min_length=1,
    )
    timezone: str = Field("UTC", description="The IANA time zone in which times are read and shown.")
    format: Format = Field("table", description="How answers are written where neither --format nor --output says it.")
    pseudonyms: bool = Field(False, description="Show no name of a user or a job anywhere, as --pseudonyms does.")
    limit: int = Field(20, ge=0, description="How many rows a table shows; 0 is all. Other formats hold all rows.")
    processes: int | None = Field(
        None, ge=1, description="How many processes post the ledger; without it, one for each core of the machine."
    )
    ledger: LedgerSettings = Field(LedgerSettings(), description="The thresholds of the ledger.")
    collect: CollectSettings = Field(CollectSettings(), description="How `paydown collect` goes about it.")
    sources: Mapping[str, SourceSettings] = Field(
        default_factory=dict, description="The sources that it reads: a table `[sources.NAME]` for each."
    )
    _file: Path | None = PrivateAttr(default=None)

    @property
    def file(self) -> Path | None:
        """The file that they were read from; None where there is none."""
        return self._file

    def read_from(self, file: Path) -> Settings:
        """Remember the file that they were read from."""
        self._file = file.absolute()
        return self

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            zone_named(name)
        except PaydownError as error:
            raise ValueError(str(error)) from None
        return name


def load(path: str | Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings: from `path`, else from where `find` looks; the environment's store wins over the file's."""
    environment = os.environ if environment is None else environment
    file = find(path, environment)
    settings = Settings() if file is None else read(file)
    store = environment.get(STORE_VARIABLE)
    return settings.model_copy(update={"store": store}) if store else settings


def find(path: str | Path | None, environment: Mapping[str, str]) -> Path | None:
    """Give the configuration file that counts, or None. One that was named must exist."""
    named = path or environment.get(CONFIG_VARIABLE)
    if named:
        return Path(named).expanduser()
    usual = usual_file()
    return usual if usual.is_file() else None


def usual_file() -> Path:
    """Say where the configuration file is looked for when none is named."""
    import platformdirs

    return Path(platformdirs.user_config_dir("paydown", appauthor=False)) / "config.toml"


def usual_store() -> str:
    """Say where the store lies when nobody names one: in the user's data folder."""
    import platformdirs

    return str(Path(platformdirs.user_data_dir("paydown", appauthor=False)) / "store")


def read(file: Path) -> Settings:
    """Read one file; what is wrong in it is told with the file, the key and, for a misspelt one, the nearest."""
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"There is no configuration file {file}; make it, or name another with --config.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The configuration file {file} cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The configuration file {file} is not TOML: {error}.") from None
    return _placed(_parsed(values, file), file).read_from(file)


def _parsed(values: dict[str, Any], file: Path) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"In the configuration file {file}: {complaint(error, Settings)}") from None


def _placed(settings: Settings, file: Path) -> Settings:
    """A relative store is relative to the file that names it, wherever the command runs."""
    if settings.store is None or "://" in settings.store:
        return settings
    return settings.model_copy(update={"store": str(file.parent / Path(settings.store).expanduser())})


def complaint(error: ValidationError, model: type[BaseModel], prefix: str = "") -> str:
    """Put what pydantic found into one sentence for each key, with a suggestion for a misspelt one.

    `prefix` stands before each key (`--` where the keys are flags).
    """
    return " ".join(_sentence(found, model, prefix) for found in error.errors(include_url=False))


def _sentence(found: Any, model: type[BaseModel], prefix: str) -> str:
    where = found["loc"]
    key = prefix + ".".join(str(part).replace("_", "-") if prefix else str(part) for part in where)
    if found["type"] == "extra_forbidden":
        return f"{key} is not known{suggestion(str(where[-1]), _siblings(model, where))}"
    if found["type"] == "missing":
        return f"{key} is missing."
    message = str(found["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    if not where:
        return f"{message[:1].upper()}{message[1:]}."
    told = f"{key} must be {message}" if str(found["msg"]).startswith("Input should be ") else f"{key}: {message}"
    return told if told.endswith((".", "?")) else f"{told}."


def _siblings(model: type[BaseModel], where: tuple[int | str, ...]) -> list[str]:
    """Give the keys that may stand where an unknown one stood."""
    for part in where[:-1]:
        field = model.model_fields.get(str(part))
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)
