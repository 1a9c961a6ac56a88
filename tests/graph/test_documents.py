"""Documents: what is kept of them, and that it is bounded."""

from graph.documents import MAX_KEPT_CHARACTERS, Documents
from graph.limits import Limits


def test_a_document_asked_again_is_not_parsed_again() -> None:
    documents = Documents(Limits())
    assert documents.prepared("{ viewer { name } }") is documents.prepared("{ viewer { name } }")


def test_a_document_at_fault_says_so_each_time_and_is_not_kept() -> None:
    documents = Documents(Limits())
    for query in ("{ nothing }", "{", "{ a: viewer { name }"):
        assert documents.prepared(query).document is None
        assert documents.prepared(query).errors
        assert documents.prepared(query) is not documents.prepared(query)


def test_a_long_document_is_answered_and_not_kept() -> None:
    documents = Documents(Limits())
    query = "{ viewer { name } }" + " " * (MAX_KEPT_CHARACTERS // 20)
    assert documents.prepared(query).document is not None
    assert documents.prepared(query) is not documents.prepared(query)


def test_the_least_used_documents_give_way() -> None:
    documents = Documents(Limits())
    padding = " " * 10_000
    first = documents.prepared("{ viewer { name } }")
    many = [f"query q{number} {{ viewer {{ name }} }}{padding}" for number in range(60)]
    kept = [documents.prepared(query) for query in many]
    assert documents.prepared(many[-1]) is kept[-1]
    assert documents.prepared(many[0]) is not kept[0]
    assert documents.prepared("{ viewer { name } }") is not first


def test_short_documents_give_way_before_their_trees_fill_the_memory() -> None:
    """A thousand short documents are kept beside each other, thousands are not."""
    documents = Documents(Limits())
    first = documents.prepared("{ n: viewer { name } }")
    for number in range(1_000):
        documents.prepared(f"{{ n{number}: viewer {{ name }} }}")
    assert documents.prepared("{ n: viewer { name } }") is first
    for number in range(1_000, 2_500):
        documents.prepared(f"{{ n{number}: viewer {{ name }} }}")
    assert documents.prepared("{ n: viewer { name } }") is not first
