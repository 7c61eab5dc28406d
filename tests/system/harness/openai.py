"""Requests as OpenAI clients send them."""

import json

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}


def chat(text="hello", **fields):
    """The body of a chat request."""
    return json.dumps(
        {"model": "m", **fields, "messages": [{"role": "user", "content": text}]}).encode()
