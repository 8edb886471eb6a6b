"""Tokens at rest: unreadable without the key, and the key for its owner only."""

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from exact_assets.control.secrets import KEY_FILE, open_cipher
from exact_assets.errors import ControlError
from exact_assets_tests.control.processes import output_of, start

MAKE_KEY = """
import sys
from pathlib import Path
from exact_assets.control.secrets import open_cipher
open_cipher(None, folder=Path(sys.argv[1]))
print((Path(sys.argv[1]) / "secret.key").read_text())
"""


@pytest.mark.parametrize("key", [None, SecretStr("a passphrase"), SecretStr(Fernet.generate_key().decode())])
def test_what_is_encrypted_is_read_with_the_same_key_only(tmp_path: Path, key: SecretStr | None) -> None:
    hidden = open_cipher(key, folder=tmp_path).encrypt("4dCx!IAAA")
    assert b"4dCx" not in hidden
    assert open_cipher(key, folder=tmp_path).decrypt(hidden) == "4dCx!IAAA"
    with pytest.raises(ControlError, match="EXACT_SECRET_KEY"):
        open_cipher(SecretStr("another one"), folder=tmp_path).decrypt(hidden)


def test_the_key_file_is_for_its_owner_only(tmp_path: Path) -> None:
    open_cipher(None, folder=tmp_path)
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600


def test_processes_that_start_together_get_the_same_key(tmp_path: Path) -> None:
    keys = {output_of(process) for process in [start(MAKE_KEY, str(tmp_path)) for _ in range(4)]}
    assert len(keys) == 1
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_a_broken_key_file_is_named(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_text("rubbish")
    with pytest.raises(ControlError, match=KEY_FILE):
        open_cipher(None, folder=tmp_path)
