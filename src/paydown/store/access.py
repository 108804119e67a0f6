"""How an object store is reached: which, where, and as whom. Keys come from the environment or AWS's own files alone.

They are handed to the two libraries that speak to it (obstore, Delta Lake), and stand in no store and no message.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ConfigError
from pathlib import Path
from urllib.parse import urlsplit

from paydown.errors import StoreError

SCHEME = "s3"
"""What an address begins with."""

TIMEOUT_S = 30
"""How long one request may take, in seconds."""

RETRY_S = 60
"""For how long a request is tried again where the store is overloaded, cut off or down, in seconds."""

RETRIES = 10
"""How often a request is tried again within that time, with pauses that grow from a tenth of a second."""

OF_THE_MACHINE = ("169.254.169.254", "169.254.170.2")
"""Where a machine of AWS tells its own keys; elsewhere nobody answers there."""

NO_KEYS = "no keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or keep them in ~/.aws/credentials"
"""What is said where nobody did."""

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


def bucket_of(place: str) -> str:
    """Give the bucket of an address; `StoreError` where it is no address of a bucket."""
    parts = urlsplit(place)
    if parts.username is not None or "@" in parts.netloc:
        raise StoreError(f"an address of a store holds {NO_KEYS}.")
    if parts.scheme != SCHEME or not parts.netloc or parts.query or parts.fragment:
        raise StoreError(f"{place} cannot hold a store; give a folder, or s3://BUCKET/PREFIX.")
    return parts.netloc


def reach(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give what both libraries are told: endpoint, region and, where they stand in environment or files, keys.

    Without keys the libraries look for those of the machine itself (web identity, container, instance).
    """
    environment = os.environ if environment is None else environment
    profile = _profile(environment)
    endpoint = _first(environment, _ENDPOINTS) or profile.get("endpoint_url", "")
    found = {"region": _first(environment, _REGIONS) or profile.get("region", "us-east-1")}
    if endpoint:
        found["endpoint"] = endpoint.rstrip("/")
        found["virtual_hosted_style_request"] = "false"
    named = {key.lower(): environment.get(key.upper(), "") for key in _KEYS}
    keys = named if named["aws_access_key_id"] else profile
    return found | {key.removeprefix("aws_"): keys[key] for key in _KEYS if keys.get(key)}


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


def _profile(environment: Mapping[str, str]) -> dict[str, str]:
    """Read the profile in force from AWS's two files; empty where there is none."""
    name = environment.get("AWS_PROFILE") or "default"
    home = Path(environment.get("HOME", "~")).expanduser() / ".aws"
    read = ConfigParser(interpolation=None)
    found: dict[str, str] = {}
    for variable, usual in (
        ("AWS_CONFIG_FILE", home / "config"),
        ("AWS_SHARED_CREDENTIALS_FILE", home / "credentials"),
    ):
        place = environment.get(variable) or str(usual)
        try:
            read.read(place, encoding="utf-8")
        except (ConfigError, UnicodeDecodeError):
            raise StoreError(f"{place} is no file of AWS settings; mend it, or set AWS_ACCESS_KEY_ID.") from None
    for section in (f"profile {name}", name):
        if read.has_section(section):
            found |= dict(read.items(section))
    return found


def delta_options(found: Mapping[str, str]) -> dict[str, str]:
    """Give what Delta Lake is told. A commit is a conditional put, whatever the environment says otherwise."""
    told = dict(found)
    if "endpoint" in told:
        told["endpoint_url"] = told.pop("endpoint")
    return {f"aws_{name}": value for name, value in told.items()} | {
        "allow_http": _plain(found), "timeout": f"{TIMEOUT_S}s", "connect_timeout": "5s", "aws_conditional_put": "etag",
        "aws_s3_allow_unsafe_rename": "false", "max_retries": str(RETRIES), "retry_timeout": f"{RETRY_S}s",
    }  # fmt: skip


def _plain(found: Mapping[str, str]) -> str:
    """Tell whether requests go without TLS: where the endpoint says so itself."""
    return "true" if found.get("endpoint", "").startswith("http://") else "false"


def client_options(found: Mapping[str, str]) -> dict[str, str | bool]:
    """Give obstore's options of HTTP."""
    return {"allow_http": _plain(found) == "true", "timeout": f"{TIMEOUT_S}s", "connect_timeout": "5s"}
