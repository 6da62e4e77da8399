"""Answers that are more than one service's answer passed on: called in the gateway's own name, joined, logged.

Each view takes the upstreams, what the client sent, and the values of the path, and gives the answer.
"""
