"""What a worker of the gateway holds at a scrape: requests in flight, waiting submissions, memories."""

from gateway.overload import Overload
from gateway.upstreams import Upstreams
from services.kit.core.metrics import Gauge

IN_FLIGHT = Gauge("flix_requests_in_flight", "Requests in flight", ("kind",))
IN_FLIGHT_LIMIT = Gauge("flix_requests_in_flight_limit", "From where on they may be refused", ("kind",))
BATCH_WAITING = Gauge("flix_batch_waiting", "Submissions that wait for a batch")
CACHE_BYTES = Gauge("flix_cache_bytes", "Bytes of responses in memory", ("cache",))
CACHE_ENTRIES = Gauge("flix_cache_entries", "Responses in memory", ("cache",))


def show_gauges(upstreams: Upstreams, overload: Overload) -> None:
    """Let the gauges of this process show these parts."""
    IN_FLIGHT.read = lambda: {(kind,): places.in_flight for kind, places in overload.places.items()}
    IN_FLIGHT_LIMIT.read = lambda: {(kind,): places.most for kind, places in overload.places.items()}
    BATCH_WAITING.read = lambda: {(): upstreams.submissions.waiting}
    memories = {**upstreams.memory.responses, "quiz": upstreams.quizzes.responses}
    CACHE_BYTES.read = lambda: {(name,): memory.total for name, memory in memories.items()}
    CACHE_ENTRIES.read = lambda: {(name,): len(memory) for name, memory in memories.items()}
