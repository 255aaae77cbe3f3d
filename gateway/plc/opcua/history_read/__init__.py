"""HistoryRead: the past of tags and events, from the store of results."""
