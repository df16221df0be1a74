"""``fnatadm``: ipvsadm's command line for this balancer, a client of the admin API."""
