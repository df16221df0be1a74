"""The way to neighbors: routes, next hops, ARP and neighbor discovery, and what routers tell senders."""
