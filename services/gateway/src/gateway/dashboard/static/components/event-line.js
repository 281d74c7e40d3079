// One line of the live feed: when, what kind, and a sentence whose SKU can be opened.

import { withQuery } from "../api.js";
import { h } from "../dom.js";
import { reason } from "./badge.js";
import { time } from "./times.js";

const KINDS = {
  "sale.due": ["sale", "Sale"],
  "sale.recorded": ["sale", "Prokip"],
  "listing.pushed": ["push", "Store"],
  "drift.found": ["trouble", "Drift"],
  "prokip.held": ["trouble", "Read"],
  "stock.oversold": ["trouble", "Oversold"],
  "bundle.changed": ["store", "Bundle"],
  "connection.health_changed": ["store", "Health"],
  "connection.uninstalled": ["trouble", "Removed"],
  "connection.changed": ["store", "Settings"],
  "sync.completed": ["push", "Sync"],
};

/** "sale", "push", "store" or "trouble": what the feed's filter goes by. */
export const groupOf = (event) => KINDS[event.kind]?.[0] ?? "store";

export function eventLine(event) {
  const [group, label] = KINDS[event.kind] ?? ["store", event.kind];
  return h.li(
    { class: `event ${group}` },
    h.span({ class: "event-kind" }, label),
    h.span({ class: "event-sentence" }, sentence(event), reason(event.data.detail || event.data.cause)),
    h.span({ class: "event-when" }, time(event.at)),
  );
}

/** The gateway's sentence, in which the one SKU that it is about can be followed. */
function sentence({ sentence: text, sku }) {
  const at = sku ? text.indexOf(sku) : -1;
  if (at < 0) return text;
  const link = h.a({ href: withQuery("/dashboard/stock", { search: sku }) }, sku);
  return [text.slice(0, at), link, text.slice(at + sku.length)];
}
