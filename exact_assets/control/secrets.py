"""Encryption of tokens at rest. Knows keys, not tokens.

The key comes from the settings, or from a file beside the database that is made on first use and that only its
owner may read.
"""

import base64
import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import SecretStr

from exact_assets.control.marks import kind_at
from exact_assets.disk import make_folder
from exact_assets.errors import ControlError, SettingsError

KEY_FILE = "secret.key"
KEY = re.compile(rb"[A-Za-z0-9_-]{43}=")
LONGEST_KEY = 1_000
KEY_FILE_ADVICE = "It is left as it is: move it away, or set EXACT_SECRET_KEY."
KEY_NEEDED = (
    "EXACT_SECRET_KEY: expected the key of a control store on PostgreSQL, the same on each host that uses it. Make "
    "one, and keep it: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
)
SALT = b"exact-assets control store"
"""The same for all: a passphrase must give the same key on each machine that shares a store."""


class Cipher:
    """Encrypts and decrypts texts."""

    def __init__(self, key: Callable[[], bytes], *, source: str, is_lost: bool = False) -> None:
        """Take a Fernet key.

        Args:
            key: returns it, making it where there is none.
            source: where it comes from, for messages.
            is_lost: what was encrypted with it cannot be read any more. It is made when there is something new
                to encrypt.
        """
        self._key = key
        self._source = source
        self._fernet = None if is_lost else Fernet(key())

    def encrypt(self, text: str) -> bytes:
        """Return the text, unreadable."""
        if self._fernet is None:
            self._fernet = Fernet(self._key())
        return self._fernet.encrypt(text.encode())

    def decrypt(self, data: bytes) -> str:
        """Return the text.

        Raises:
            ControlError: it was encrypted with another key, or its key is lost.
        """
        if self._fernet is None:
            raise ControlError(
                f"The stored tokens cannot be read: their key was in {self._source}, which is gone. Put it back, "
                "set EXACT_SECRET_KEY if that was their key, or run `exact-assets connect`, which makes a new key."
            )
        try:
            return self._fernet.decrypt(data).decode()
        except InvalidToken as error:
            raise ControlError(
                f"The stored tokens were encrypted with another key than that of {self._source}. Set "
                "EXACT_SECRET_KEY (or restore the key file) to what it was when they were stored, or run "
                "`exact-assets connect`."
            ) from error


def open_cipher(secret_key: SecretStr | None, *, folder: Path | None, is_in_use: bool = False) -> Cipher:
    """Return the cipher for the settings' key, or for the key file's in `folder`.

    Args:
        secret_key: the settings' key.
        folder: where the key file is; None: there can be none.
        is_in_use: whether anything was encrypted already. A key file that is missing then is lost, not new.

    Raises:
        ControlError: the key file is none.
        SettingsError: there is neither a key nor a place for its file.
    """
    if secret_key is not None:
        text = secret_key.get_secret_value().strip()
        return Cipher(lambda: _fernet_key(text), source="EXACT_SECRET_KEY")
    if folder is None:
        raise SettingsError(KEY_NEEDED)
    path = folder / KEY_FILE
    try:
        found, is_lost = kind_at(path), is_in_use and not path.exists()
    except OSError as error:
        raise ControlError(
            f"The key file {path} cannot be used: {error.strerror}. Check its permissions."
        ) from error
    if found is not None:
        raise ControlError(f"{path} is {found}, no key file. {KEY_FILE_ADVICE}")
    return Cipher(lambda: _key_of_file(path), source=str(path), is_lost=is_lost)


def _fernet_key(text: str) -> bytes:
    """Take a Fernet key as it is, and stretch any other text to one."""
    try:
        Fernet(text)
    except ValueError:
        stretched = Scrypt(salt=SALT, length=32, n=2**14, r=8, p=1).derive(text.encode())
        return base64.urlsafe_b64encode(stretched)
    return text.encode()


def _key_of_file(path: Path) -> bytes:
    """Read the key file; where there is none, make it, so that of several processes all get the same."""
    try:
        if not path.exists():
            _make_key_file(path)
        with path.open("rb") as file:
            key = file.read(LONGEST_KEY + 1).strip()
    except OSError as error:
        raise ControlError(
            f"The key file {path} cannot be used: {error.strerror}. Check its permissions, or set EXACT_SECRET_KEY."
        ) from error
    if KEY.fullmatch(key) is None:
        raise ControlError(f"{path} holds no key. Restore it, or remove it and run `exact-assets connect`.")
    return key


def _make_key_file(path: Path) -> None:
    make_folder(path.parent)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(Fernet.generate_key())
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):  # another process was first: its key counts
        os.link(draft, path)
    draft.unlink()
