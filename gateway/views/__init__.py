"""Views: requests that the gateway does not only forward. They call internal routes, join responses or log outcomes.

Each view takes the upstreams, the client's request and the path parameters, and returns the response.
"""
