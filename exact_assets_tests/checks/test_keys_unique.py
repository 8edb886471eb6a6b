"""Keys that occur twice."""

from exact_assets.checks.keys_unique import KEYS_UNIQUE
from exact_assets.checks.result import CheckStatus
from exact_assets_tests.checks.conftest import ACCOUNTS, Copy, key_of


def test_a_key_that_stands_twice_is_found(copy: Copy) -> None:
    double, gone = key_of(copy, ACCOUNTS), key_of(copy, ACCOUNTS, f"id <> '{key_of(copy, ACCOUNTS)}'")
    copy.run(
        f"CREATE TABLE exact.unkeyed AS FROM exact.{ACCOUNTS}",
        f"DROP TABLE exact.{ACCOUNTS}",
        f"ALTER TABLE exact.unkeyed RENAME TO {ACCOUNTS}",
        f"DELETE FROM exact.{ACCOUNTS} WHERE id = '{gone}'",
        f"INSERT INTO exact.{ACCOUNTS} FROM exact.{ACCOUNTS} WHERE id = '{double}'",
    )
    assert copy.failures() == {f"{ACCOUNTS} keys_unique": CheckStatus.FAILED}
    result = copy.result(ACCOUNTS, KEYS_UNIQUE)
    assert (str(result.examples[0]["id"]), result.examples[0]["copies"]) == (double, 2)
    assert "reload" in (result.advice or "").lower()
