"""Test networks for the load balancer: bare network namespaces (:mod:`topo.netns`) and what runs on them."""
