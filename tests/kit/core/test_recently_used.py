"""services.kit.core.recently_used: a mapping of bounded size."""

from services.kit.core.recently_used import RecentlyUsed


def test_the_memory_forgets_what_was_used_least_recently() -> None:
    recent: RecentlyUsed[str, int] = RecentlyUsed(10, lambda value: value)
    recent.put("a", 4)
    recent.put("b", 4)
    assert recent.get("a") == 4
    recent.put("c", 4)
    assert [recent.get(name) for name in "abc"] == [4, None, 4]
    recent.put("c", 6)
    recent.remove("a")
    recent.put("d", 4)
    assert [recent.get(name) for name in "acd"] == [None, 6, 4]
