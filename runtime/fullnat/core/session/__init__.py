"""Sessions from their first packet to their last: what they hold, how they are written, and how they end."""
