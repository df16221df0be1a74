"""SYN cookies: their keys, when there is need of them, and the connections that they begin."""
