"""etcd, as far as several controllers share it: the client, who leads, and what changes."""
