"""The questions of the README and of the demo, put to a warehouse that was loaded: each has a true answer."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from exact_assets.demo.run import REVENUE_BY_CUSTOMER, question_of
from exact_assets_tests.installation import CHECKOUT, Installation, installation
from exact_assets_tests.one_warehouse import bring

TABLES = "financialtransaction_transaction_lines,financial_gl_accounts,financial_aging_receivables_list"
SECTION = (CHECKOUT / "README.md").read_text().partition("## Query it")[2].partition("\n## ")[0]
QUESTIONS = re.findall(r"(?m)^    -- (.+)\n((?:    [^-\n].*\n?)+)", SECTION)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("questions"), divisions=1, rows=300, is_hostile=False) as made:
        bring(made, TABLES)
        yield made


def test_three_questions_are_answered_in_the_readme() -> None:
    assert [question.partition(",")[0] for question, _ in QUESTIONS] == [
        "Revenue by customer",
        "Profit and loss",
        "Open receivables",
    ]


@pytest.mark.parametrize(("question", "statement"), QUESTIONS)
def test_each_question_has_an_answer(place: Installation, question: str, statement: str) -> None:
    with duckdb.connect(str(place.warehouse), read_only=True) as connection:
        rows = connection.execute(statement).fetchall()
    assert len(rows) > 5, question
    assert all(row[-1] is not None for row in rows)


def test_profit_and_loss_is_the_other_side_of_the_balance_sheet(place: Installation) -> None:
    statement = dict(QUESTIONS)["Profit and loss"].rstrip().rstrip(";")
    lines, accounts = "exact.financialtransaction_transaction_lines l", "exact.financial_gl_accounts g"
    balance = (
        f"SELECT sum(l.amount_dc) FROM {lines} JOIN {accounts} ON g.division = l.division AND g.id = l.gl_account "
        "WHERE g.balance_type = 'B'"
    )
    with duckdb.connect(str(place.warehouse), read_only=True) as connection:
        result = connection.execute(f"SELECT sum(result) FROM ({statement})").fetchall()
        assert result == connection.execute(balance).fetchall()


def test_the_line_that_the_demo_prints_works_as_it_stands(place: Installation) -> None:
    words = question_of(Path(place.warehouse))
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "revenue" in done.stdout
    assert "exact.financialtransaction_transaction_lines" in REVENUE_BY_CUSTOMER
