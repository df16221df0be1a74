"""Health checks of real servers: what asks them, and what is made of the answers."""
