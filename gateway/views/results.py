"""Results of sign-ins and submissions, each counted once."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.kit.core.errors import ServiceError
from services.kit.core.metrics import Counter

CLIENT_GONE = "client_gone"
Response = TypeVar("Response")


async def count_result(
    counter: Counter,
    call: Awaitable[Response],
    result: Callable[[Response], str],
    result_of_error: Callable[[int], str],
) -> Response:
    """Return the response of the call, and count its result: `client_gone` for a call that was cancelled.

    `result_of_error` is given the status with which the client gets the error.
    """
    counted = CLIENT_GONE
    try:
        response = await call
        counted = result(response)
        return response
    except Exception as error:
        counted = result_of_error(error.status if isinstance(error, ServiceError) else ServiceError.status)
        raise
    finally:
        counter.add((counted,))
