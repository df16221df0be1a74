"""``make demo``: the load balancer at work, in namespaces with the kernel's TCP, or without root in one process."""
