"""How Exact's names become names of the warehouse. Spelling only: which tables there are is decided elsewhere."""

import re

_WORD = re.compile(
    r"[A-Z]{2,}s(?![a-z])"  # IDs, CLAs
    r"|[A-Z]+(?![a-z])"  # VAT, and GL in GLAccount
    r"|[A-Z][a-z0-9]*"  # Account, Line1
    r"|[a-z0-9]+"  # 01, syscreated
)


def snake(name: str) -> str:
    """Turn Exact's name into snake case: `AmountDC` amount_dc, `GLAccountCode` gl_account_code."""
    return "_".join(_WORD.findall(name)).lower()


def table_name(service: str, entity: str) -> str:
    """Name a table: service and entity, `crm_accounts`."""
    return f"{service}_{snake(entity)}"
