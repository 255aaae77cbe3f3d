"""What the Server object tells of itself: limits, state, redundancy, its end."""
