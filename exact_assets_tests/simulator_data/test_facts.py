"""The endpoint facts: complete, consistent, and as Exact's reference states them."""

import pytest

from exact_simulator.facts import endpoint_by_path, load_endpoints


def test_the_reference_has_all_endpoints_by_kind() -> None:
    kinds = [item.kind for item in load_endpoints()]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "rest": 261,
        "function": 97,
        "sync": 60,
        "bulk": 21,
        "beta": 15,
    }


def test_sync_and_bulk_pages_hold_a_thousand_rows_and_others_sixty() -> None:
    assert all(item.page_size == (1000 if item.kind in {"sync", "bulk"} else 60) for item in load_endpoints())


def test_the_key_of_sync_is_timestamp_and_its_identity_is_the_record() -> None:
    facts = endpoint_by_path()["/api/v1/{division}/sync/SalesOrder/GoodsDeliveries"]
    assert [item.name for item in facts.key] == ["Timestamp"]
    assert facts.identity == ("EntryID",)


def test_every_sync_endpoint_has_an_identity_of_its_own() -> None:
    assert [item.path for item in load_endpoints() if item.kind == "sync" and item.identity == ("Timestamp",)] == []


def test_names_within_an_endpoint_are_unique() -> None:
    assert all(len(item.by_name) == len(item.properties) for item in load_endpoints())


def test_a_navigation_names_an_endpoint_and_its_two_properties() -> None:
    paths = endpoint_by_path()
    broken = [
        (item.path, link.name)
        for item in load_endpoints()
        for link in item.navigations
        if link.target and not (link.foreign_key in paths[link.target].by_name and link.own_key in item.by_name)
    ]
    assert broken == []


def test_relations_of_division_free_paths_do_not_clash() -> None:
    paths = endpoint_by_path()
    assert paths["/api/v1/system/Users"].relation == "root_system_Users"
    assert paths["/api/v1/{division}/system/Users"].relation == "system_Users"


@pytest.mark.parametrize(
    ("flag", "count"), [("select_mandatory", 17), ("select_star_unsupported", 22), ("deprecated", 3)]
)
def test_flags_are_those_of_the_reference(flag: str, count: int) -> None:
    assert sum(getattr(item, flag) for item in load_endpoints()) == count


def test_a_list_of_only_filters_differs_from_an_unknown_one() -> None:
    paths = endpoint_by_path()
    assert paths["/api/v1/{division}/bulk/SalesOrder/GoodsDeliveries"].only_filters == (
        "Document",
        "EntryID",
        "Warehouse",
    )
    assert paths["/api/v1/{division}/crm/Accounts"].only_filters is None


def test_a_function_states_its_parameters_with_types() -> None:
    facts = endpoint_by_path()["/api/v1/{division}/read/sync/Sync/SyncTimestamp"]
    assert [(item.name, item.edm_type) for item in facts.parameters] == [
        ("modified", "Edm.DateTime"),
        ("endPoint", "Edm.String"),
    ]
