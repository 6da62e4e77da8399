"""Responses that are more than one service's response passed on: called as the gateway, joined, logged.

Each view takes the upstreams, the client's request and the path parameters, and returns the response.
"""
