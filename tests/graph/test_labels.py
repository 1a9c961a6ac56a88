"""Every code that a person may meet has a word in both languages, asked for or in a sentence."""

from __future__ import annotations

import pytest
from graphql import GraphQLEnumType, GraphQLSchema

from authz.rules import ASKED
from graph.documents import GRAPHQL_SCHEMA
from graph.language import LANGUAGES, labels, said, word_said
from graph.resolvers.auditing import _SENTENCES
from hierarchy.words import Word
from server.default_policy import default_rules
from tests.province import Client

QUERY = "query ($language: String) { labels(language: $language) { name values { value label } } }"

OFFICIAL = {
    "Rating": [
        "Hoàn thành xuất sắc nhiệm vụ",
        "Hoàn thành tốt nhiệm vụ",
        "Hoàn thành nhiệm vụ",
        "Không hoàn thành nhiệm vụ",
    ],
    "InspectionGround": ["Theo chương trình", "Khi có dấu hiệu vi phạm", "Đơn thư"],
    "InspectionKind": ["Kiểm tra", "Giám sát"],
}

CODES = {
    "UNAUTHENTICATED",
    "FORBIDDEN",
    "NOT_FOUND",
    "BAD_USER_INPUT",
    "CONFLICT",
    "QUERY_TOO_COSTLY",
    "PERSISTED_QUERY_NOT_FOUND",
    "INTERNAL",
}


def enumerations(schema: GraphQLSchema = GRAPHQL_SCHEMA) -> dict[str, list[str]]:
    return {
        name: list(kind.values)
        for name, kind in schema.type_map.items()
        if isinstance(kind, GraphQLEnumType) and not name.startswith("__")
    }


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", sorted(enumerations()))
def test_every_value_of_an_enumeration_has_its_words_and_no_word_is_left_over(
    name: str, language: str
) -> None:
    """The schema is the list; the catalogues keep no other."""
    found = labels(name, language)
    assert list(found) == enumerations()[name]
    assert len(set(found.values())) == len(found)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_role_resource_action_and_error_code_has_its_words(language: str) -> None:
    """What the default policy, the server and the trail speak of."""
    asked = {action for actions in ASKED.values() for action in actions}
    assert set(labels("Role", language)) == {rule["role"] for rule in default_rules()}
    assert set(labels("Action", language)) == asked | {action for action, _ in _SENTENCES}
    assert set(labels("Resource", language)) == {*ASKED} | {each for _, each in _SENTENCES}
    assert set(labels("ErrorCode", language)) == CODES


async def test_the_words_are_told_to_whoever_has_a_token(reader: Client) -> None:
    """No right is needed; the official words, in the order of the schema; kinds by rank."""
    found = await reader.data("nobody", QUERY, {"language": "vi"})
    names = [each["name"] for each in found["labels"]]
    told = {each["name"]: each["values"] for each in found["labels"]}
    assert names == sorted({*enumerations(), "Action", "ErrorCode", "Resource", "Role", "UnitKind"})
    for name, words in OFFICIAL.items():
        assert [each["label"] for each in told[name]] == words
    assert [each["value"] for each in told["Rating"]] == enumerations()["Rating"]
    assert told["UnitKind"][0] == {"value": "central", "label": "Trung ương"}
    assert {"value": "secretary", "label": "Bí thư"} in told["Role"]


async def test_the_language_is_the_requests_unless_it_is_named(reader: Client) -> None:
    """The client asks in English; vi and en are all there is."""
    for language, word in ((None, "Secretary"), ("en", "Secretary"), ("vi", "Bí thư")):
        found = await reader.data("nobody", QUERY, {"language": language})
        [roles] = [each["values"] for each in found["labels"] if each["name"] == "Role"]
        assert {"value": "secretary", "label": word} in roles
    kinds = [each["values"] for each in found["labels"] if each["name"] == "UnitKind"]
    for wrong in ("fr", "VI", ""):
        error = await reader.error("nobody", QUERY, {"language": wrong})
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": "language"}
    english = await reader.data("nobody", QUERY, {"language": "en"})
    [named] = [each["values"] for each in english["labels"] if each["name"] == "UnitKind"]
    assert [each["value"] for each in named] == [each["value"] for each in kinds[0]]
    assert all(a["label"] != b["label"] for a, b in zip(named, kinds[0], strict=True))


def test_a_code_within_a_sentence_is_read_by_its_word() -> None:
    """Small as words stand in sentences; a code that nobody named is read as it is."""
    assert word_said(Word("Role", "inspection_commission"), "vi") == "ủy ban kiểm tra"
    assert word_said(Word("Role", "keeper"), "vi") == "keeper"
    assert word_said(Word("UnitKind", "branch", "Chi bộ trực thuộc"), "vi") == "Chi bộ trực thuộc"
    assert word_said(Word("UnitKind", "branch", "Chi bộ trực thuộc"), "en") == "branch"
    message = "An inspection that is {before} does not become {after}."
    statuses = Word("InspectionStatus", "PLANNED"), Word("InspectionStatus", "CONCLUDED")
    assert said(message, dict(zip(("before", "after"), statuses, strict=True)), "vi") == (
        "Cuộc kiểm tra đang ở trạng thái trong kế hoạch không chuyển sang đã kết luận được."
    )


EXPLAIN = '{ explain(action: "read", resource: "meeting", unitCode: "B") { reason } }'


async def test_explanations_and_refusals_read_in_vietnamese_without_codes(reader: Client) -> None:
    """Roles and kinds of unit, as the sentences of the server itself name them."""
    found = await _in_vietnamese(reader, "secretary_b", EXPLAIN, {})
    assert found["data"]["explain"]["reason"] == "Phân công bí thư tại B cho quyền này."
    under = {"establish": {"code": "N1", "under": "D", "name": "N1", "kind": "branch"}}
    decision = {"number": "1", "title": "x", "issuedBy": "T", "issuedOn": "2024-06-15"}
    decision |= {"effectiveOn": "2024-06-15", "changes": [under]}
    preview = (
        "query ($input: DecisionInput!) { previewDecision(input: $input) { problems { message } } }"
    )
    found = await _in_vietnamese(reader, "leader_t", preview, {"input": decision})
    assert [each["message"] for each in found["data"]["previewDecision"]["problems"]] == [
        "N1: loại Chi bộ trực thuộc không được trực thuộc loại Đảng bộ huyện, thị xã, thành phố "
        "thuộc tỉnh (D)."
    ]


async def test_a_status_reads_in_vietnamese_without_its_code(writer: Client) -> None:
    """What stands against a change names the status by its word."""
    found = await writer.data("commission_d", "{ inspections { nodes { id status } } }")
    [id_] = [each["id"] for each in found["inspections"]["nodes"] if each["status"] == "PLANNED"]
    concluded = """mutation ($id: ID!) { reviseInspection(id: $id, revision: 1, input: {
        unitCode: "H", byUnitCode: "D", body: COMMITTEE, kind: SUPERVISION, ground: PROGRAMME,
        plannedFor: "2024-01-01", openedOn: "2024-02-01", concludedOn: "2024-03-01",
        status: CONCLUDED}) { id } }"""
    body = {"query": concluded, "variables": {"id": id_}}
    headers = writer.bearer("commission_d") | {"Accept-Language": "vi"}
    answer = await writer.http.post("/graphql", json=body, headers=headers)
    assert [each["message"] for each in answer.json()["errors"]] == [
        "Cuộc kiểm tra đang ở trạng thái trong kế hoạch không chuyển sang đã kết luận được."
    ]


async def test_the_trail_reads_in_vietnamese_without_codes(writer: Client) -> None:
    """Who was made what, by the word for the role."""
    appoint = """mutation { appoint(input: {principal: "p", role: "office", unitCode: "G",
        validFrom: "2024-06-15"}) { id } }"""
    await writer.data("administrator_t", appoint)
    trail = "{ audit(first: 1) { nodes { detail role: action } } }"
    found = await _in_vietnamese(writer, "auditor_t", trail, {})
    assert found["data"]["audit"]["nodes"] == [
        {"detail": "Đã phân công p giữ vai trò văn phòng, từ 2024-06-15.", "role": "appoint"}
    ]


async def _in_vietnamese(
    client: Client, principal: str, query: str, variables: dict[str, object]
) -> dict[str, object] | None:
    body = {"query": query, "variables": variables}
    headers = client.bearer(principal) | {"Accept-Language": "vi-VN"}
    found = (await client.http.post("/graphql", json=body, headers=headers)).json()
    assert "errors" not in found, found
    return found
