"""``python -m bench.primary ADDRESS``: be the primary controller of a switch, with election id 1, until killed."""

from __future__ import annotations

import argparse
import queue
import sys

from finsy.proto import p4r, p4r_grpc
from fullnat.p4rt import program

from bench.channel import connect_blocking

DEVICE = 1


def push(stub: p4r_grpc.P4RuntimeStub) -> None:
    """Load the FULLNAT program."""
    fullnat = program.load()
    config = p4r.ForwardingPipelineConfig(p4info=fullnat.p4info, p4_device_config=fullnat.device_config)
    actions = p4r.SetForwardingPipelineConfigRequest
    request = actions(device_id=DEVICE, action=actions.VERIFY_AND_COMMIT, config=config)
    request.election_id.low = 1
    stub.SetForwardingPipelineConfig(request)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.primary", description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--role", default="")
    parser.add_argument("--push", action="store_true", help="load the FULLNAT program")
    options = parser.parse_args()
    messages: queue.SimpleQueue[p4r.StreamMessageRequest | None] = queue.SimpleQueue()
    request = p4r.StreamMessageRequest()
    request.arbitration.device_id = DEVICE
    request.arbitration.election_id.low = 1
    if options.role:
        request.arbitration.role.name = options.role
    messages.put(request)
    with connect_blocking(options.address) as channel:
        stub = p4r_grpc.P4RuntimeStub(channel)
        stream = stub.StreamChannel(iter(messages.get, None))
        if next(stream).arbitration.status.code != 0:
            print("somebody else is the primary controller", file=sys.stderr)
            return 1
        if options.push:
            push(stub)
        print("ready", flush=True)
        for _ in stream:
            pass  # packet-ins are for another controller, but have to be read
    return 0


if __name__ == "__main__":
    sys.exit(main())
