// The status page: asks the API, shows what it says, and asks again.
import { badge, duration, element, history, past, short, spark, table, whole } from "./parts.js";

const PERIOD = 2000; // ms between two readings,
const SHARE = 20; // of which asking takes no more than one in so many
const STATS_TURN = 3; // that only one in so many asks the switch for its counters
const FIRST = 50; // services that are shown at first
const TALKERS = 5; // sources that are shown
const SESSIONS = 200; // that are shown of a search
const CALM = ["serving"];
const LIMITS = [["service_full", "sessions of a service"], ["service_rate", "new sessions of a service"], ["server_rate", "new sessions of a server"],
  ["source_full", "sessions of a source"], ["half_open_ended", "half-open sessions that went for others"], ["refused_told", "told by a list"], ["syn_shed", "SYNs and datagrams that were too many"]];
const byId = (name) => document.getElementById(name);
const state = { services: [], stats: {}, talkers: [], about: {}, shown: FIRST, read: 0, turn: 0, isFresh: false };

async function ask(path) {
  const answer = await fetch(path);
  const text = await answer.text();
  if (!answer.ok) throw new Error(JSON.parse(text).error);
  return text;
}

const one = async (path) => JSON.parse(await ask(path));
const all = async (path) => (await ask(path)).split("\n").filter(Boolean).map((line) => JSON.parse(line));

async function command(name, fields) {
  const body = JSON.stringify({ commands: [{ [name]: fields }] });
  const answer = await fetch("v1/apply", { method: "POST", body, headers: { "Content-Type": "application/json" } });
  if (!answer.ok) window.alert((await answer.json()).error);
  await refresh();
}

// ---- servers

function condition(server) {
  if (!server.healthy) return ["down", "bad"];
  if (server.sorry) return server.on_duty ? ["sorry server, serves", "warn"] : ["sorry server", "quiet"];
  if (server.on_duty === false && !server.draining) return ["off duty", "warn"];
  if (server.draining || server.out_for != null) return [server.active || server.inactive ? "draining" : "out", "warn"];
  if (server.full) return ["full", "warn"];
  if (server.warming != null) return ["slow start", "warn"];
  return ["up", "good"];
}

const isTroubled = (service) => service.servers.length === 0 || service.servers.some((server) => !["good", "quiet"].includes(condition(server)[1])) || service.has_quorum === false || service.cookies_for != null;

function why(server) {
  const parts = [];
  if (server.reason) parts.push(server.reason);
  if (server.checked != null) parts.push(`checked ${duration(server.checked)} ago`);
  if (server.out_for != null) {
    parts.push(`out for ${duration(server.out_for)}, ${whole(Number(server.active ?? 0) + Number(server.inactive ?? 0))} sessions left`);
  }
  if (server.reset_in != null) parts.push(`reset in ${duration(server.reset_in)}`);
  return parts.join("; ");
}

function act(service, server) {
  if (!["operator", "admin"].includes(state.about.role) || server.draining) return null;
  const which = { protocol: service.protocol, virtual: service.virtual, server: server.server };
  const title = `${server.server} of ${service.protocol} ${service.virtual}`;
  if (server.out_for == null) {
    return element("button", {
      onclick: () => window.confirm(`No new connections to ${title}?`) && command("drain_server", which),
    }, "Drain");
  }
  return element("button", {
    onclick: () => {
      const weight = window.prompt(`Weight of ${title}`, "1");
      if (weight) command("edit_server", { ...which, settings: { weight: Number(weight) } });
    },
  }, "Enable");
}

const key = (service, server) => `${service.protocol} ${service.virtual} ${server.server} ${server.mode}`;
const number = (name, of, kind = "number") => [name, kind, of];
const rate = (server, name) => server.rates?.[name];

function columns(service) {
  const found = [
    ["Server", "address", (server) => server.server],
    ["State", "", (server) => badge(...condition(server))],
    ["Mode", "wide", (server) => server.mode],
    number("Weight", (server) => whole(server.weight) + (server.healthy && server.checked_weight !== server.weight && !server.draining ? `, now ${whole(server.checked_weight)}` : "")),
    number("Established", (server) => whole(server.active)),
    number("Others", (server) => whole(server.inactive), "number wide"),
    number("New/s", (server) => short(rate(server, "connections"))),
    ["", "wide", (server) => spark(past(key(service, server)))],
    number("Packets/s in", (server) => short(rate(server, "in_packets")), "number wide"),
    number("out", (server) => short(rate(server, "out_packets")), "number wide"),
    number("Bits/s in", (server) => short(8 * (rate(server, "in_bytes") ?? 0)), "number wide"),
    number("out", (server) => short(8 * (rate(server, "out_bytes") ?? 0)), "number wide"),
    ["", "why", why],
  ];
  return ["operator", "admin"].includes(state.about.role) ? [...found, ["", "", (server) => act(service, server)]] : found;
}

/** What kind of service it is. */
function described(settings) {
  return [
    settings.sessions === false ? "stateless" : settings.scheduler,
    settings.ops ? "one packet" : "",
    settings.persistence_timeout ? `persistent ${duration(settings.persistence_timeout)}` : "",
    settings.proxy_protocol && settings.proxy_protocol !== "off" ? `PROXY protocol: ${settings.proxy_protocol}` : "",
    ...(settings.match ?? []),
  ].filter(Boolean).join(", ");
}

function card(service) {
  const settings = service.settings ?? {};
  const name = element("div", { class: "name" },
    element("b", {}, `${service.protocol} ${service.virtual}`),
    element("span", { class: "quiet" }, described(settings)),
    service.has_quorum === false ? badge("no quorum", "bad") : null,
    service.cookies_for != null ? badge(`cookies for every SYN, for ${duration(service.cookies_for)}`, "warn") : null,
    Number(service.half_open ?? 0) ? element("span", { class: "quiet" }, `${whole(service.half_open)} half open`) : null,
    ...["deny", "allow"].filter((list) => Number(service.access?.[list] ?? 0)).map((list) => element("span", { class: "quiet" }, `${whole(service.access[list])} prefixes in ${list}`)),
    service.servers.some((server) => ["up", "slow start", "sorry server, serves"].includes(condition(server)[0])) ? null : badge("no server takes new connections", "bad"));
  return element("div", { class: "card" }, name, table(columns(service), service.servers));
}

function showServices() {
  const wanted = byId("filter").value.trim().toLowerCase();
  const matches = state.services.filter((service) => (!byId("troubled").checked || isTroubled(service))
    && (!wanted || `${service.protocol} ${service.virtual} ${service.servers.map((server) => `${server.server} ${condition(server)[0]}`).join(" ")}`.toLowerCase().includes(wanted)));
  const shown = matches.slice(0, state.shown);
  byId("services").replaceChildren(...shown.map(card));
  if (!matches.length) byId("services").replaceChildren(element("p", { class: "quiet" }, state.services.length ? "None is like that." : "There are no services."));
  byId("more").hidden = matches.length <= shown.length;
  byId("more").textContent = `${whole(matches.length - shown.length)} more`;
}

// ---- everything else

function tile(name, value, past) {
  return element("div", { class: "tile" }, element("span", { class: "quiet" }, name), element("b", {}, value), past ? spark(past) : null);
}

function sum(name) {
  return state.services.flatMap((service) => service.servers).reduce((total, server) => total + Number(server.rates?.[name] ?? 0), 0);
}

function showTotals() {
  const sessions = Number(state.stats.controller?.sessions ?? 0);
  const servers = state.services.flatMap((service) => service.servers);
  const down = servers.filter((server) => !server.healthy).length;
  const begun = sum("connections");
  const packets = sum("in_packets") + sum("out_packets");
  const bits = 8 * (sum("in_bytes") + sum("out_bytes"));
  byId("totals").replaceChildren(
    tile("Sessions", whole(sessions), lately("sessions", sessions)),
    tile("New connections/s", short(begun), history("begun", begun)),
    tile("Packets/s", short(packets), history("packets", packets)),
    tile("Bits/s", short(bits), history("bits", bits)),
    tile("Services, servers", `${whole(state.services.length)}, ${whole(servers.length)}`),
    tile("Servers down", whole(down)));
}

/** The last values of a counter, as often as they were read. */
const lately = (name, value) => (state.isFresh ? history(name, value) : past(name));

function cells(heading, counters, none = "None.") {
  const rows = Object.entries(counters ?? {}).map(([name, cell]) => ({ name, packets: Number(cell.packets ?? 0), bytes: Number(cell.bytes ?? 0) }));
  const seen = rows.filter((row) => row.packets).sort((one, other) => other.packets - one.packets);
  if (!seen.length) return none && element("p", { class: "quiet" }, none);
  return element("div", { class: "card" }, table([
    [heading, "", (row) => row.name],
    number("Packets", (row) => whole(row.packets)),
    number("Bytes", (row) => short(row.bytes)),
    ["lately", "wide", (row) => spark(differences(lately(`${heading} ${row.name}`, row.packets)))],
  ], seen));
}

function rows(heading, columns, found) {
  return found.length ? element("div", { class: "card" }, table([[heading, "", ([name]) => name], ...columns], found)) : null;
}

/** What its limits have kept away. */
function limited(controller) {
  const found = LIMITS.map(([name, words]) => [words, Number(controller?.[name] ?? 0)]).filter(([, count]) => count);
  return rows("Limits", [number("Times", ([, count]) => whole(count))], found) ?? "";
}

/** Who asks for the most connections. */
function talkers() {
  const columns = [number("New/s", ([, talker]) => short(talker.rate)), number("Share", ([, talker]) => `${Math.round(100 * talker.share)} %`)];
  return rows("Top talkers", columns, state.talkers.map((talker) => [talker.source, talker])) ?? "";
}

const differences = (values) => values.slice(1).map((value, place) => Math.max(0, value - values[place]));

function showRest() {
  const { about, stats } = state;
  const machine = stats.switch ?? {};
  byId("switch").textContent = machine.state ?? "unknown";
  byId("switch").className = `badge ${CALM.includes(machine.state) ? "good" : "bad"}`;
  const shared = stats.etcd;
  const leads = shared ? `${shared.leader || "no controller"} leads${shared.up === false ? ", etcd does not answer" : ""}` : machine.reason;
  byId("about").textContent = [about.version, about.group ? `group ${about.group}` : "", about.embedded ? "embedded switch" : "", leads].filter(Boolean).join(", ");
  const addresses = stats.local_addresses ?? [];
  byId("locals").replaceChildren(addresses.length ? element("div", { class: "card" }, table([
    ["Address", "address", (local) => local.address],
    number("Sessions", (local) => whole(local.used)),
    number("Ports free", (local) => whole(local.free)),
    number("Connections", (local) => whole(local.connections), "number wide"),
    number("Conflicts", (local) => whole(local.conflicts), "number wide"),
    number("Times exhausted", (local) => whole(local.exhausted)),
    ["", "", (local) => local.draining ? badge("draining", "warn") : null],
  ], addresses)) : element("p", { class: "quiet" }, "None."));
  byId("drops").replaceChildren(cells("Reason", stats.drops), cells("SYN cookies", stats.cookies, ""), limited(stats.controller), talkers());
  const counted = [["updates", "updates written"], ["failed_updates", "updates refused"], ["packet_outs", "packet-outs"],
    ["connects", "connects to the switch"], ["pipeline_pushes", "times that the program was pushed"]];
  const group = (stats.switches ?? []).length > 1 ? [element("div", { class: "card" }, table([
    ["Switch", "", (one) => one.name],
    ["Role", "", (one) => badge(one.role, ["active", "standby"].includes(one.role) ? "good" : one.role === "elsewhere" ? "" : "warn")],
    number("Sessions", (one) => whole(one.sessions)),
    number("Filled", (one) => `${Math.floor(100 * one.filled)} %`),
    number("Behind", (one) => whole(one.behind)),
    number("Packets/s", (one) => whole(Math.round(one.packet_rate))),
    ...(stats.switches.some((one) => one.announced) ? [
      ["Announced", "", (one) => badge(one.announced, one.announced === "announcing" ? "good" : "warn")],
      number("Routers", (one) => `${one.neighbors_up} of ${one.neighbors}`),
    ] : []),
    ["Took over", "wide", (one) => one.why && one.role === "active" ? `${whole(Math.round(one.ago))} s ago: ${one.why}` : ""],
    ["", "wide", (one) => [one.reason, one.bgp_trouble].filter(Boolean).join("; ")],
  ], stats.switches))] : [];
  byId("machine").replaceChildren(...group, element("div", { class: "card" }, table([
    ["Counter", "", ([, words]) => words], number("Times", ([name]) => whole(machine[name])),
  ], counted)), cells("To the controller", stats.punts, ""));
}

// ---- sessions

async function search(event) {
  event.preventDefault();
  const whose = byId("whose").value.trim();
  if (!whose) return;
  try {
    const found = await all(`v1/sessions?${new URLSearchParams({ [byId("by").value]: whose })}`);
    byId("found").textContent = found.length > SESSIONS ? `${whole(found.length)}, of which these are the first ${SESSIONS}` : `${whole(found.length)} found`;
    byId("sessions").replaceChildren(element("div", { class: "card" }, table([
      ["", "", (session) => session.protocol],
      ["Client", "address", (session) => session.client],
      ["Virtual", "address", (session) => session.virtual],
      ["Local", "address wide", (session) => session.local],
      ["Server", "address", (session) => session.server],
      ["State", "", (session) => session.state],
      number("For", (session) => duration(session.age ?? 0)),
      number("Expires in", (session) => session.expires == null ? "" : duration(session.expires)),
    ], found.slice(0, SESSIONS))));
  } catch (error) {
    byId("found").textContent = error.message;
    byId("sessions").replaceChildren();
  }
}

// ---- again and again

async function refresh() {
  [state.about, state.services] = await Promise.all([one("v1/about"), all("v1/services")]);
  state.isFresh = state.turn++ % STATS_TURN === 0;
  if (state.isFresh) [state.stats, state.talkers] = await Promise.all([one("v1/stats?brief=true"), all(`v1/talkers?most=${TALKERS}`)]);
  for (const service of state.services) {
    service.servers ??= [];
    for (const server of service.servers) history(key(service, server), rate(server, "connections"));
  }
  state.read = Date.now();
  showTotals();
  showServices();
  showRest();
  document.body.dataset.ready = "yes";
}

function showAge(problem) {
  const age = (Date.now() - state.read) / 1000;
  byId("age").textContent = problem ? `${problem}${state.read ? `; this is ${duration(age)} old` : ""}` : "";
}

async function forever() {
  const begun = performance.now();
  let problem = "";
  try {
    if (!document.hidden) await refresh();
  } catch (error) {
    problem = error instanceof TypeError ? "the controller does not answer" : error.message;
    byId("switch").className = "badge bad";
    byId("switch").textContent = "unknown";
  }
  showAge(problem);
  setTimeout(forever, Math.max(PERIOD, SHARE * (performance.now() - begun)));
}

byId("filter").addEventListener("input", showServices);
byId("troubled").addEventListener("change", showServices);
byId("more").addEventListener("click", () => { state.shown += 10 * FIRST; showServices(); });
byId("search").addEventListener("submit", search);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh().catch(() => {}); });
forever();
