// One line of the live feed: when, what kind, and a sentence whose SKU can be opened.

import { h } from "../dom.js";
import { time } from "./times.js";

const KINDS = {
  "sale.due": ["sale", "Sale"],
  "sale.recorded": ["sale", "Prokip"],
  "listing.pushed": ["push", "Store"],
  "drift.found": ["trouble", "Drift"],
  "stock.oversold": ["trouble", "Oversold"],
  "connection.health_changed": ["store", "Health"],
  "connection.uninstalled": ["trouble", "Removed"],
  "connection.changed": ["store", "Settings"],
  "sync.completed": ["push", "Sync"],
};

/** "sale", "push", "store" or "trouble": what the feed's filter goes by. */
export const groupOf = (event) => KINDS[event.kind]?.[0] ?? "store";

export function eventLine(event) {
  const [group, label] = KINDS[event.kind] ?? ["store", event.kind];
  return h("li", { class: `event ${group}` },
    h("span", { class: "event-kind" }, label),
    h("span", { class: "event-sentence" }, event.sentence),
    h("span", { class: "event-when" }, time(event.at)),
  );
}
