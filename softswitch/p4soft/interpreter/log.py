"""A trace in the words of BMv2's log, as p4soft writes them with ``-L trace``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from p4soft.codegen.trace import shortened
from p4soft.interpreter import events


def log(trace: Iterable[events.Event]) -> list[str]:
    """One line or more for each event; what BMv2 does not tell has none."""
    return [line for event in trace for line in _lines(event)]


def _hex(value: int, bits: int) -> str:
    size = (bits + 7) // 8
    return f"{value:0{2 * size}x}"


def _lines(event: events.Event) -> Iterator[str]:
    match event:
        case events.Received(port):
            yield f"Processing packet received on port {port}"
        case events.Stage(text) | events.Message(text) | events.Dropped(text):
            yield text
        case events.EnteredState(name):
            yield f"Parser 'parser' entering state '{name}'"
        case events.Extracted(name, None):
            yield f"Extracting header '{name}'"
        case events.Extracted(name, element, union):
            yield f"Extracting to header {'union ' if union else ''}stack '{name}', element {element}"
        case events.Selected(state, values):
            widths = (bits for _, bits in state.key)
            yield f"Parser state '{state.name}': key is {_joined(values, widths)}"
        case events.ParserFailed(error):
            yield f"Exception while parsing: {error}"
        case events.Applied(table, key, hit):
            yield f"Applying table '{table.name}'"
            if key:
                yield "Looking up key:"
                for field, value in zip(table.key, key, strict=True):
                    yield f"* {field.name}: {_hex(value, field.bits)}"
            if hit is not None:
                yield f"Table '{table.name}': {'hit' if hit else 'miss'}"
        case events.Acted(action, params):
            yield f"Action {action.name}" + (f" - {_joined(params, action.params)}" if params else "")
        case events.Primitive(primitive):
            yield f"{primitive.where} Primitive {shortened(primitive.source)}"
        case events.Decided(node, met):
            source = shortened(node.source or node.name)
            yield f'Condition "{source}" ({node.name}) is {"true" if met else "false"}'
        case events.EgressPort(port):
            yield f"Egress port is {port}"
        case events.Deparsed(header):
            yield f"Deparsing header '{header}'"
        case events.Sent(port, frame):
            yield f"Transmitting packet of size {len(frame)} out of port {port}"


def _joined(values: Iterable[int], widths: Iterable[int]) -> str:
    return ",".join(_hex(value, bits) for value, bits in zip(values, widths, strict=True))
