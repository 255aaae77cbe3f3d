"""The local channel to a running gateway: how `pekat-gateway reload` and the like reach it. Never open to the network.

One connection carries one question and one answer, each a line of JSON: `{"command": "reload"}`, then
`{"ok": {...}}` or `{"error": "what is wrong", "hint": "what to do"}`.
"""
