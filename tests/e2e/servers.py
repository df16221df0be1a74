"""Servers of Debian that say whom they were told to serve: their configurations."""

from __future__ import annotations

NGINX = """
user root; daemon off; worker_processes 2; pid {directory}/nginx.pid; error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {directory}/a; proxy_temp_path {directory}/b; fastcgi_temp_path {directory}/c;
  uwsgi_temp_path {directory}/d; scgi_temp_path {directory}/e;
  server {{
    listen {address}:{port} proxy_protocol backlog=4096 fastopen=256;
    location / {{ return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr"; }}
    location /file {{ root {directory}; }}
  }}
}}
"""
HAPROXY = """
global
  maxconn 1000
defaults
  mode http
  timeout client 5s
  timeout connect 5s
  timeout server 5s
frontend who
  bind {address}:{port} accept-proxy
  http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst]"
"""
MAIN_CF = """
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
mynetworks =
inet_protocols = all
smtpd_upstream_proxy_protocol = haproxy
smtpd_delay_reject = no
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
local_recipient_maps =
alias_maps =
smtpd_client_restrictions = reject
smtpd_reject_footer = you are $client_address $client_port
"""
MASTER_CF = "{address}:{port} inet n - n - - smtpd\n"
DNSDIST = """
setLocal("{address}:{port}")
setProxyProtocolACL({{"0.0.0.0/0", "::/0"}})
setACL({{"0.0.0.0/0", "::/0"}})
setSecurityPollSuffix("")
newServer({{address="127.0.0.1:9", healthCheckMode="up"}})
function who(dq)
  local port = tonumber(dq.remoteaddr:toStringWithPort():match(":(%d+)$"))
  if dq.qtype == DNSQType.A then
    return DNSAction.Spoof, "0.0." .. math.floor(port / 256) .. "." .. port % 256
  end
  local address = dq.remoteaddr:toString()
  return DNSAction.SpoofRaw, string.char(#address) .. address
end
addAction(AllRule(), LuaAction(who))
"""
DNSMASQ = (
    "--no-daemon --no-resolv --no-hosts --log-queries=extra --log-facility=- --address=/who.test/192.0.2.1 "
    "--bind-interfaces --listen-address={address} --port={port} --conf-file=/dev/null --user=root"
)
