"""Encryption of tokens at rest. Knows keys, not tokens.

The key comes from the settings, or from a file beside the database that is made on first use and that only its
owner may read.
"""

import base64
import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import SecretStr

from exact_assets.errors import ControlError

KEY_FILE = "secret.key"
SALT = b"exact-assets control store"
"""The same for all: a passphrase must give the same key on each machine that shares a store."""


class Cipher:
    """Encrypts and decrypts texts."""

    def __init__(self, key: bytes) -> None:
        """Take a Fernet key."""
        self._fernet = Fernet(key)

    def encrypt(self, text: str) -> bytes:
        """Return the text, unreadable."""
        return self._fernet.encrypt(text.encode())

    def decrypt(self, data: bytes) -> str:
        """Return the text.

        Raises:
            ControlError: it was encrypted with another key.
        """
        try:
            return self._fernet.decrypt(data).decode()
        except InvalidToken as error:
            raise ControlError(
                "The stored tokens were encrypted with another key. Set EXACT_SECRET_KEY (or restore the key file) "
                "to what it was when they were stored, or run `exact-assets connect`."
            ) from error


def open_cipher(secret_key: SecretStr | None, *, folder: Path) -> Cipher:
    """Return the cipher for the settings' key, or for the key file's in `folder`."""
    if secret_key is not None:
        return Cipher(_fernet_key(secret_key.get_secret_value().strip()))
    return Cipher(_key_of_file(folder / KEY_FILE))


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
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(Fernet.generate_key())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first: its key counts
            os.link(draft, path)
        draft.unlink()
    key = path.read_bytes().strip()
    try:
        Fernet(key)
    except ValueError as error:
        raise ControlError(
            f"{path} holds no key. Restore it, or remove it and run `exact-assets connect`."
        ) from error
    return key
