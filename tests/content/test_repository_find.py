"""What the import of the old baseline asks a ContentStore: the contract, for the twin and for both engines."""

from services.content.repository.contracts import ContentStore
from tests.content.examples import a_lesson, a_material, an_event, with_two_events


def test_events_are_found_by_id_or_slug(store: ContentStore) -> None:
    with_two_events(store)
    for ids, slugs, found in (
        (["event-1"], ["secret"], ["event-1", "event-2"]),
        (["event-2"], ["secret"], ["event-2"]),
        (["launch"], ["event-1"], []),
        ([], [], []),
    ):
        assert sorted(each.id for each in store.events.find(ids, slugs)) == found
    assert store.events.find(["event-1"], []) == [an_event()]


def test_lessons_are_found_by_id_or_by_slug_within_the_events(store: ContentStore) -> None:
    with_two_events(store)
    for ids, events, slugs, found in (
        (["lesson-1"], [], [], ["lesson-1"]),
        ([], ["event-2"], ["first"], ["lesson-2"]),
        (["lesson-1"], ["event-2"], ["first"], ["lesson-1", "lesson-2"]),
        ([], ["event-2"], [], []),
        ([], [], ["first"], []),
    ):
        assert sorted(each.id for each in store.lessons.find(ids, events, slugs)) == found
    assert store.lessons.find(["lesson-1"], [], []) == [a_lesson()]


def test_materials_are_found_by_id_and_the_last_positions_by_lesson(store: ContentStore) -> None:
    with_two_events(store)
    store.materials.add_all([a_material(id="material-3", position=7)])
    assert store.materials.find(["material-1", "none"]) == [a_material()]
    assert store.materials.last_positions(["lesson-1", "lesson-2", "none"]) == {"lesson-1": 7, "lesson-2": 1}
    assert (store.materials.find([]), store.materials.last_positions([])) == ([], {})
