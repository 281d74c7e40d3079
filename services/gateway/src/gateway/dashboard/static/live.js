// The gateway's event stream: one connection for the whole page, resumed where it broke off.

import { get } from "./api.js";

export const EVENT_KINDS = [
  "sale.due",
  "sale.recorded",
  "listing.pushed",
  "drift.found",
  "stock.oversold",
  "bundle.changed",
  "prokip.held",
  "connection.health_changed",
  "connection.uninstalled",
  "connection.changed",
  "sync.completed",
];
/** What changes how a store's card looks. */
export const STORE_EVENTS = [
  "connection.health_changed",
  "connection.changed",
  "connection.uninstalled",
  "listing.pushed",
  "sync.completed",
];
const RECONNECT_FIRST_MS = 1000;
const RECONNECT_LONGEST_MS = 30000;

const listeners = new Set();
const stateListeners = new Set();
let source = null;
let lastId = 0;
let wait_ms = RECONNECT_FIRST_MS;
let state = "connecting";

/**
 * Calls `listener(event)` for each event until the signal aborts. An event of kind "gap" says that some were missed
 * for good: what is shown must be read anew.
 */
export const onEvent = (listener, signal) => subscribe(listeners, listener, signal);

/** Calls `listener("connecting" | "live" | "offline")` now and at each change until the signal aborts. */
export function onLiveState(listener, signal) {
  listener(state);
  subscribe(stateListeners, listener, signal);
}

/** Follows everything from now on. */
export async function startLive() {
  const { items } = await get("/api/v1/events/recent?limit=1");
  lastId = items[0]?.id ?? 0;
  connect();
}

function connect() {
  source = new EventSource(`/api/v1/events?after=${lastId}`);
  source.onopen = () => {
    wait_ms = RECONNECT_FIRST_MS;
    setState("live");
  };
  source.onerror = reconnect;
  for (const kind of EVENT_KINDS) source.addEventListener(kind, receive);
  source.addEventListener("gap", receive);
}

function receive({ type, data, lastEventId }) {
  lastId = lastEventId;
  const event = type === "gap" ? { kind: "gap" } : JSON.parse(data);
  for (const listener of listeners) listener(event);
}

/** The browser gives up for good on an error answer, so reconnecting is ours: slower each time, never stopping. */
function reconnect() {
  source.close();
  setState("offline");
  setTimeout(connect, wait_ms);
  wait_ms = Math.min(wait_ms * 2, RECONNECT_LONGEST_MS);
}

function setState(now) {
  state = now;
  for (const listener of stateListeners) listener(now);
}

function subscribe(set, listener, signal) {
  set.add(listener);
  signal?.addEventListener("abort", () => set.delete(listener));
}
