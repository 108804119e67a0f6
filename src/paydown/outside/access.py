"""What it takes to be let in by a server: names, secrets from files or the environment, certificates."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paydown.errors import UsageError


@dataclass(frozen=True)
class Access:
    """Who asks, and how it is shown; secrets are read when a client is made, and stand nowhere else."""

    token_file: Path | None = None
    """A file that holds a bearer token."""
    token_variable: str | None = None
    """An environment variable that holds a bearer token."""
    user: str | None = None
    """The user of basic authentication."""
    password_file: Path | None = None
    """A file that holds the user's password."""
    password_variable: str | None = None
    """An environment variable that holds the user's password."""
    ca: Path | None = None
    """Certificates of the authorities that are believed, as PEM; None: those of the system."""
    certificate: Path | None = None
    """The client's own certificate, as PEM."""
    key: Path | None = None
    """Its key, where that is not in the same file."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers of every request."""

    def shown(self) -> dict[str, str]:
        """Give the headers of a request, a bearer token among them."""
        token = _secret(self.token_file, self.token_variable, "token")
        return {**self.headers, **({"Authorization": f"Bearer {token}"} if token else {})}

    def basic(self) -> tuple[str, str] | None:
        """Give user and password, where there is a user."""
        if self.user is None:
            return None
        password = _secret(self.password_file, self.password_variable, "password")
        if password is None:
            raise UsageError(f"The user {self.user} needs a password: name the file or the variable that holds it.")
        return self.user, password

    def context(self) -> ssl.SSLContext:
        """Make what encrypted connections are checked with."""
        try:
            made = ssl.create_default_context(cafile=self.ca)
            if self.certificate:
                made.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(str(path) for path in (self.ca, self.certificate, self.key) if path)
            raise UsageError(f"The certificates cannot be used ({files}): {error}.") from error
        return made


def _secret(file: Path | None, variable: str | None, what: str) -> str | None:
    """Read a secret; one that was named and is not there is a `UsageError`."""
    if file is not None:
        try:
            found = file.expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"The {what} cannot be read from {file}: {error}.") from error
        if not found:
            raise UsageError(f"The file {file} is empty, where a {what} was to be.")
        return found
    if variable is not None:
        found = os.environ.get(variable, "").strip()
        if not found:
            raise UsageError(f"The environment variable {variable} is not set; it was to hold the {what}.")
        return found
    return None
