"""Names that clients hold on to, where the library would call things otherwise."""

from __future__ import annotations

from graph.schema.schema import schema


def test_the_trails_list_is_called_as_the_contract_calls_it() -> None:
    types = schema.as_str()
    for name in ("AuditConnection", "AuditEdge", "AuditEntry", "AppointmentConnection"):
        assert f"type {name} " in types
    assert "AuditEntryEdge" not in types
