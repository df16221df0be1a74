"""From the blocks of keepalived.conf to the document that the TOML file has, with the place of every value.

A ``virtual_server`` of a group is one section for each address of it. What the keywords' table says has no effect here
is told once for each keyword; what it does not have is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fullnat.config import hints
from fullnat.config.errors import Place, Where
from fullnat.config.keepalived import checkers, conversions, keywords, matching, ranges
from fullnat.config.keepalived.keywords import Keyword
from fullnat.config.keepalived.tree import Node

Section = dict[str, Any]
_OF_SECTION = ("address", "port")
"""What the arguments of a section's own keyword say."""
_UNSAID = {"local_addresses": "laddr_group_name", "port": "connect_port"}
"""Keywords of what may be missing, by the names of the TOML file."""
_LISTS = {"daddr_group_name": "deny", "waddr_group_name": "allow"}
"""DPVS's words for a group that says who may not and who may."""


class Document:
    """What was read: ``values`` as the TOML file has them, and ``problems``. It knows the places of all values."""

    def __init__(self, nodes: list[Node], name: str) -> None:
        self.values: Section = {}
        self.problems: list[tuple[Place, str]] = []
        self._name = name
        self._said: dict[tuple[Where, str], Node] = {}
        """Which keyword says what, by the names of the TOML file; "" is the section itself."""
        self._vain: dict[str, list[Node]] = {}
        known = [node for node in nodes if self._expected(node, keywords.BLOCKS, "")]
        self._locals = self._groups(known, "local_address_group", ranges.local_addresses)
        self._virtuals = self._groups(known, "virtual_server_group", ranges.services)
        self._lists = {
            "deny": self._groups(known, "deny_address_group", ranges.prefixes),
            "allow": self._groups(known, "allow_address_group", ranges.prefixes),
        }
        self._files = {node.arguments[0]: node for node in known if node.keyword in keywords.TRACK_FILES}
        self._user = _script_user(nodes)
        self._devices = matching.devices(known)
        self._marks = matching.numbers(known, self._virtuals)
        for node in known:
            if node.keyword == "fullnat":
                self._own(node, self.values, ())
            elif node.keyword == "virtual_server":
                self._virtual_servers(node)

    def place(self, where: Where, key: str = "") -> Place:
        """As :class:`fullnat.config.errors.Places`."""
        node = self._said.get((where, key))
        while node is None and where:
            node = self._said.get((where, ""))
            where = where[:-1]
        return Place(self._name, 1) if node is None else node.place

    def word(self, where: Where, key: str) -> str:
        """Likewise."""
        node = self._said.get((where, key))
        if node is not None:
            return node.keyword
        if key in _OF_SECTION and (where, "") in self._said and where[-1][0] != "check":
            return ""
        return _UNSAID.get(key, key) if where else f"fullnat {{ {key} }}"

    def section(self, where: Where) -> str:
        """Likewise: the words in front of its block, like ``[real_server 10.0.0.11 80]``."""
        node = self._said.get((where, ""))
        return f"[{' '.join((node.keyword, *node.arguments)) if node is not None else where[-1][0]}]"

    def vain(self) -> list[tuple[Place, str]]:
        """What has no effect here: each reason once, with the keywords, and where the first of them stands."""
        told = []
        for why, nodes in self._vain.items():
            names = list(dict.fromkeys(node.keyword for node in nodes))
            told.append((nodes[0].place, f"{', '.join(names)}: without effect: {why}"))
        return sorted(told)

    # ------------------------------------------------------------------------------------------ checks

    def _wrong(self, node: Node, message: str) -> None:
        problem = node.place, f"{node.keyword}: {message}"
        if problem not in self.problems:  # a group's virtual server is read for each of its addresses
            self.problems.append(problem)

    def _expected(self, node: Node, known: Mapping[str, Keyword], inside: str) -> bool:
        """Whether the keyword may stand here with these arguments, and has an effect. Says why not."""
        keyword = known.get(node.keyword)
        if keyword is None:
            self._wrong(node, _unknown(node.keyword, known, inside))
        elif keyword.refused:
            self._wrong(node, keyword.refused)
        elif not keyword.fewest <= len(node.arguments) <= keyword.most:
            self._wrong(node, _arguments(keyword))
        elif (node.below is not None) != keyword.is_block:
            self._wrong(node, "its block { } is missing" if keyword.is_block else "has no block { }")
        elif keyword.below is not None and keyword.without:
            self._vain.setdefault(keyword.without, []).append(node)
            for below in node.below or ():
                self._expected(below, keyword.below, node.keyword)
        elif keyword.without:
            self._vain.setdefault(keyword.without, []).append(node)
        else:
            return True
        return False

    # ------------------------------------------------------------------------------------------ groups

    def _groups(self, nodes: list[Node], name: str, rows: ranges.Rows) -> dict[str, list[Any]]:
        """The values of every group of this kind, by its name."""
        groups: dict[str, list[Any]] = {}
        for node in nodes:
            if node.keyword != name:
                continue
            if node.arguments[0] in groups:
                self._wrong(node, f"{node.arguments[0]} is there twice")
                continue
            values = groups.setdefault(node.arguments[0], [])
            for row in node.below or ():
                try:
                    values += rows((row.keyword, *row.arguments))
                except ValueError as error:
                    self.problems.append((row.place, f"{name} {node.arguments[0]}: {error}"))
        return groups

    def _group(self, node: Node, name: str, groups: Mapping[str, list[Any]], kind: str) -> list[Any]:
        if name in groups:
            return groups[name]
        meant = hints.close(name, groups)
        self._wrong(node, f"there is no {kind} {name}{f'; did you mean {meant}?' if meant else ''}")
        return []

    # ------------------------------------------------------------------------------------------ virtual servers

    def _virtual_servers(self, node: Node) -> None:
        if not self._is_new(node, self.values, ()):
            return
        for named in self._services(node):
            sections = self.values.setdefault("virtual_server", [])
            where: Where = (("virtual_server", len(sections) + 1),)
            section: Section = {**named, "scheduler": "wlc", "mode": "nat"}
            sections.append(section)
            self._said[where, ""] = node
            self._options(node, keywords.VIRTUAL_SERVER, section, where)
            self._rules(node, section, where)
            self._of_virtual_server(node, section, where)
            self._users(node, keywords.OF_SERVICES, section, where)
            if "protocol" not in section and all(below.keyword != "protocol" for below in node.below or ()):
                self._wrong(node, "without protocol keepalived takes UDP and its forks TCP: say protocol TCP or UDP")

    def _services(self, node: Node) -> list[Section]:
        first, *rest = node.arguments
        try:
            if first == "group":
                if len(rest) != 1:
                    raise ValueError("group takes one name")
                return self._group(node, rest[0], self._virtuals, "virtual_server_group")
            if first == matching.MATCH:
                if len(rest) != 1:
                    raise ValueError("match takes one name")
                return [{"fwmark": self._marks[rest[0]]}]
            return ranges.services(node.arguments)
        except ValueError as error:
            self._wrong(node, str(error))
            return []

    def _rules(self, node: Node, section: Section, where: Where) -> None:
        """DPVS's match."""
        rules = matching.Rules(self._devices, is_match=node.arguments[0] == matching.MATCH and "match" not in section)
        for below in node.below or ():
            if below.keyword in matching.KEYWORDS and len(below.arguments) == 1:
                self._told(below, rules.take, below.keyword, below.arguments[0])
        if rules.is_match:
            section["match"] = self._told(node, rules.texts, node) or []
            self._said[where, "match"] = node

    def _told(self, node: Node, make: Callable[..., Any], *words: Any) -> Any:
        """What ``make`` makes of ``words``; None, and it is told, if it raises ValueError."""
        try:
            return make(*words)
        except ValueError as error:
            self._wrong(node, str(error))
            return None

    def _of_virtual_server(self, node: Node, section: Section, where: Where) -> None:
        """What is not a value by itself: groups, servers, and what they inherit."""
        weight = 1
        for below in node.below or ():
            if below.keyword == "laddr_group_name" and len(below.arguments) == 1:
                group = self._group(below, below.arguments[0], self._locals, "local_address_group")
                section["local_addresses"] = list(group)
                self._said[where, "local_addresses"] = below
            elif below.keyword in _LISTS and len(below.arguments) == 1:
                key = _LISTS[below.keyword]
                group = self._group(below, below.arguments[0], self._lists[key], f"{key}_address_group")
                section[key] = [*section.get(key, ()), *group]
                self._said.setdefault((where, key), below)
            elif below.keyword == "weight" and len(below.arguments) == 1:
                weight = self._converted(below, keywords.REAL_SERVER["weight"], 1)
            elif below.keyword == "timeouts" and below.below is not None:
                self._section(below, section.setdefault("timeouts", {}), (*where, ("timeouts", 1)))
        inherited = self._inherited(node, {})
        self._own_checks(node, section, where)
        for below in node.below or ():
            if below.keyword == "real_server" and below.below is not None and below.arguments:
                self._real_server(below, section, where, weight, inherited)
            elif below.keyword == "sorry_server" and below.below is None and below.arguments:
                self._sorry_server(node, below, section, where)

    def _real_server(self, node: Node, section: Section, where: Where, weight: int, inherited: Section) -> None:
        servers = section.setdefault("real_server", [])
        below: Where = (*where, ("real_server", len(servers) + 1))
        named = self._told(node, ranges.server, node.arguments, section.get("port", 0))
        if named is None:
            return
        server: Section = {"address": named[0], "port": named[1], "weight": weight}
        servers.append(server)
        self._said[below, ""] = node
        self._options(node, keywords.REAL_SERVER, server, below)
        self._users(node, keywords.OF_SERVERS, server, below)
        inherited = self._inherited(node, inherited)
        for checker in node.below or ():
            if checker.keyword in checkers.TYPES and checker.below is not None and not checker.arguments:
                for url in checkers.urls(checker):
                    self._check(checker, url, server, below, inherited)
        self._own_checks(node, server, below)

    def _sorry_server(self, node: Node, found: Node, section: Section, where: Where) -> None:
        """A real server that is for times without a quorum, and is not checked."""
        servers = section.setdefault("real_server", [])
        named = self._told(found, ranges.server, found.arguments, section.get("port", 0))
        if named is None:
            return
        server: Section = {"address": named[0], "port": named[1], "sorry": True}
        servers.append(server)
        below: Where = (*where, ("real_server", len(servers)))
        self._said[below, ""] = found
        for method in node.below or ():
            if method.keyword == "sorry_server_lvs_method" and method.arguments:
                server["mode"] = self._converted(method, keywords.REAL_SERVER["lvs_method"], "nat")
                self._said[below, "mode"] = method

    def _users(self, node: Node, programs: Mapping[str, Keyword], section: Section, where: Where) -> None:
        """Whose rights the programs of ``node`` have, which are those of one user."""
        said = [below for below in node.below or () if below.keyword in programs and below.below is None]
        users = {below.arguments[1] if len(below.arguments) > 1 else self._user: below for below in said}
        if len(users) > 1:
            self._wrong(said[-1], f"programs of one block have one user, not {' and '.join(map(repr, users))}")
        for user, below in users.items():
            if user:
                section.setdefault("notify_user", user)
                self._said.setdefault((where, "notify_user"), below)

    # ------------------------------------------------------------------------------------------ checks of servers

    def _inherited(self, node: Node, outer: Section) -> Section:
        """What ``node`` says for all checkers inside, and where it says nothing, what the block around it does."""
        said = [
            (below, keywords.DEFAULTS[below.keyword])
            for below in node.below or ()
            if below.keyword in keywords.DEFAULTS and len(below.arguments) <= 1 and below.below is None
        ]
        good = [(below, keyword) for below, keyword in said if len(below.arguments) >= keyword.fewest]
        return outer | {
            keyword.option: self._converted(below, keyword, outer.get(keyword.option)) for below, keyword in good
        }

    def _check(self, node: Node, url: Node | None, server: Section, where: Where, inherited: Section) -> None:
        """One check of a checker, or of one ``url`` of it."""
        checks = server.setdefault("check", [])
        below: Where = (*where, ("check", len(checks) + 1))
        check: Section = {}
        checks.append(check)
        self._said[below, ""] = node
        self._options(node, checkers.known(node), check, below)
        if url is not None:
            # It may say what the block around it says for all.
            inner: Section = {}
            inside: Where = (*below, ("url", 1))
            self._options(url, keywords.URL, inner, inside)
            check |= inner
            self._said |= {(below, key): self._said[inside, key] for key in inner}
        if node.keyword == "FILE_CHECK" and not self._file(node, check):
            checks.pop()
            self._said = {said: word for said, word in self._said.items() if said[0] != below}
            return
        if node.keyword == "MISC_CHECK" and self._user:
            check.setdefault("user", self._user)
        defaults = checkers.defaults(node, inherited | {key: check[key] for key in ("interval",) if key in check})
        check |= {key: value for key, value in defaults.items() if key not in check}

    def _file(self, node: Node, check: Section) -> bool:
        """Of a FILE_CHECK: its track_file has the path, and what the check does not say of the weight. Whether it has
        one."""
        name = check.get("file")
        found = self._files.get(name) if name is not None else None
        if found is None:
            self._wrong(node, "track_file is missing" if name is None else f"there is no track_file {name}")
            return False
        of_file: Section = {}
        said = {below.keyword: below for below in (*(found.below or ()), *(node.below or ()))}
        self._options(found, keywords.TRACK_FILE, of_file, (("track_file", id(found)), ("check", id(check))))
        check["file"] = of_file.get("file", "")
        factor: int = {"factor": 1, **of_file, **check}["factor"]
        check["factor"] = abs(factor)
        check["reverse"] = ("weight" in said and said["weight"].arguments[1:] == ("reverse",)) is not (factor < 0)
        return True

    def _own_checks(self, node: Node, section: Section, where: Where) -> None:
        """The blocks ``check``, by the names of the TOML file."""
        for below in node.below or ():
            if below.keyword == "check" and below.below is not None:
                checks = section.setdefault("check", [])
                checks.append({})
                self._section(below, checks[-1], (*where, ("check", len(checks))))

    def _options(self, node: Node, known: Mapping[str, Keyword], section: Section, where: Where) -> None:
        """The values that the block of ``node`` says."""
        for below in node.below or ():
            if not self._expected(below, known, node.keyword) or not known[below.keyword].option:
                continue
            keyword = known[below.keyword]
            if (where, keyword.option) in self._said:
                earlier = self._said[where, keyword.option].place
                self._wrong(below, f"is said already at {earlier}")
                continue
            value = self._converted(below, keyword, section.get(keyword.option))
            if value is not None:
                section[keyword.option] = value
            self._said[where, keyword.option] = below

    def _converted(self, node: Node, keyword: Keyword, otherwise: Any) -> Any:
        assert keyword.convert is not None, node.keyword
        found = self._told(node, keyword.convert, node.arguments)
        return otherwise if found is None else found

    # ------------------------------------------------------------------------------------------ our own block

    def _own(self, node: Node, section: Section, where: Where) -> None:
        """The block ``fullnat``: options and sections of the TOML file by their own names."""
        for below in node.below or ():
            if not self._is_new(below, section, where) or (node.keyword, below.keyword) == ("interface", "name"):
                continue
            if below.below is None:
                section[below.keyword] = conversions.as_option(below.keyword)(below.arguments)
                self._said[where, below.keyword] = below
            elif below.keyword == "timeouts":
                inner = section.setdefault("timeouts", {})
                self._section(below, inner, (*where, (below.keyword, 1)))
            else:
                sections = section.setdefault(below.keyword, [])
                sections.append({})
                self._section(below, sections[-1], (*where, (below.keyword, len(sections))))

    def _is_new(self, node: Node, section: Section, where: Where) -> bool:
        """Whether no option has this name already, and no block, unless this is one more. Says so if not."""
        earlier = self._said.get((where, node.keyword))
        if earlier is not None:
            self._wrong(node, f"is said already at {earlier.place}")
        elif node.below is None and node.keyword in section:
            self._wrong(node, "is a block { } elsewhere")
        else:
            return True
        return False

    def _section(self, node: Node, section: Section, where: Where) -> None:
        self._said[where, ""] = node
        self._own(node, section, where)


def _script_user(nodes: list[Node]) -> str:
    """Whose rights programs have that say no user; none: those of the controller."""
    of_process = (node for node in nodes if node.keyword == "global_defs")
    said = (below for node in of_process for below in node.below or () if below.keyword == "script_user")
    return next((below.arguments[0] for below in said if below.arguments), "")


def _unknown(keyword: str, known: Mapping[str, Keyword], inside: str) -> str:
    meant = hints.close(keyword, known)
    place = f"no keyword of {inside}" if inside else "no block of keepalived.conf"
    return f"is {place}{f'; did you mean {meant}?' if meant else ''}"


def _arguments(keyword: Keyword) -> str:
    if keyword.most == 0:
        return "takes no argument"
    if keyword.fewest == keyword.most:
        return f"takes {keyword.most} argument{'s' if keyword.most > 1 else ''}"
    return f"takes {keyword.fewest} to {keyword.most} arguments"
