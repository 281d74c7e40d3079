import { get, withQuery } from "../api.js";
import { explained } from "../components/badge.js";
import { filters, momentBox } from "../components/filters.js";
import { empty, notice } from "../components/notices.js";
import { skuLink } from "../components/sku-link.js";
import { storeNames } from "../components/store-names.js";
import { sumTable } from "../components/sum.js";
import { pages, table } from "../components/table.js";
import { time } from "../components/times.js";
import { h } from "../dom.js";
import { change, exact, quantity, words } from "../format.js";

const CAUSES = {
  sale: "Sold",
  cancel: "Cancelled",
  return: "Returned",
  edit: "Order changed",
  holder: "The store counts it with another SKU",
  prokip: "Prokip told a new quantity",
};
const NOT_MOVED = "Nothing has moved yet. The first sale or change in Prokip appears here.";
const NOT_LISTED = "No store lists this SKU.";
const NOT_WRITTEN =
  "Nothing has been written to a store yet. A store must list this SKU, and Prokip must have told its quantity.";

export const sku = {
  title: "SKU",
  refreshOn: ["bundle.changed", "sale.due", "sale.recorded", "stock.oversold", "listing.pushed", "drift.found", "sync.completed"],
  async render({ params, query, signal }) {
    const which = { sku: params.sku, locationId: params.location };
    const [explanation, then, listings, movements, pushes, nameOf] = await Promise.all([
      get(withQuery("/api/v1/stock/explanation", which), { signal }),
      query.moment ? stockThen({ ...which, moment: query.moment }, signal) : null,
      get(withQuery("/api/v1/stock/listings", which), { signal }),
      get(withQuery("/api/v1/stock/movements", { ...which, cursor: query.movements }), { signal }),
      get(withQuery("/api/v1/stock/pushes", { sku: params.sku, cursor: query.pushes }), { signal }),
      storeNames(signal),
    ]);
    return h.div({ class: "stack" }, [
      h.p({ class: "back" }, h.a({ href: "/dashboard/stock" }, "Stock")),
      h.h1(params.sku),
      quantityExplained(explanation, nameOf),
      section("In the stores", listings.items.length ? listingTable(listings.items, nameOf) : empty(NOT_LISTED)),
      section("At a past moment", [
        filters(momentBox("Date and time", query.moment)),
        then && quantityThen(then, nameOf),
      ]),
      section("Movements", [
        movements.items.length ? movementTable(movements.items, nameOf) : empty(NOT_MOVED),
        pages(movements.next, query.movements, "movements"),
      ]),
      section("Writes to the stores", [
        pushes.items.length ? pushTable(pushes.items, nameOf) : empty(NOT_WRITTEN),
        pages(pushes.next, query.pushes, "pushes"),
      ]),
    ]);
  },
};

const section = (title, content) => h.section({ class: "stack", "aria-label": title }, h.h2(title), content);

function quantityExplained(explanation, nameOf) {
  const since = ["Prokip's number last changed ", time(explanation.observedAt), "."];
  return [
    h.p({ class: "lead" }, explanation.sentence),
    h.p({ class: "muted" }, `Location ${explanation.locationId}. `, explanation.observedAt && since),
    !explanation.addsUp &&
      notice("warn", h.p("These figures do not add up. Reload; if it stays, something is wrong in the ledger.")),
    explanation.madeOf.length ? madeOfTable(explanation) : sumTable(explanation, nameOf),
  ];
}

/** A bundle part by part; the least of what they make is what there is. */
function madeOfTable({ locationId, madeOf }) {
  return table({
    caption: "What it is made of",
    rows: madeOf,
    columns: [
      { label: "Part", kind: "main", cell: ({ sku }) => skuLink(locationId, sku) },
      { label: "Units each", kind: "number", cell: ({ quantity: units }) => quantity(units) },
      { label: "Available", kind: "number", cell: ({ available }) => quantity(available) },
      { label: "Makes", kind: "number strong", cell: ({ makes }) => quantity(makes) },
      { label: "Decides", cell: ({ least }) => (least ? "yes" : "–") },
    ],
  });
}

/** "Sold: order 1001 at Kiosk"; a change that no order made has its cause alone. */
function why({ cause, connectionId, orderRef, orderNumber }, nameOf) {
  const what = CAUSES[cause] ?? words(cause);
  return orderRef === null ? what : `${what}: order ${orderNumber || orderRef} at ${nameOf(connectionId)}`;
}

/** What there was; or the gateway's words about a moment that cannot be asked for, which spoil nothing else here. */
async function stockThen(which, signal) {
  try {
    return await get(withQuery("/api/v1/stock/at", which), { signal });
  } catch (error) {
    if (error.status !== 400 && error.status !== 422) throw error;
    return { refused: error.message };
  }
}

/** The quantity then, and what had made it so. */
function quantityThen({ refused, moment, available, movement }, nameOf) {
  if (refused) return notice("warn", h.p(refused));
  const on = `On ${exact(moment)}`;
  if (movement === null) return h.p(`${on} nothing was known of this SKU yet.`);
  const made = [`${why(movement, nameOf)} (${change(movement.delta)}), `, time(movement.at), "."];
  if (available === null) return h.p(`${on} Prokip had told no quantity yet. Last before it: `, made);
  return h.p(`${on} there were `, h.strong(quantity(available)), ". Last before it: ", made);
}

function listingTable(items, nameOf) {
  return table({
    caption: "What the stores show",
    rows: items,
    columns: [
      { label: "Store", kind: "main", cell: ({ connectionId }) => nameOf(connectionId) },
      { label: "Should show", kind: "number", cell: ({ target }) => quantity(target) },
      { label: "Shows", kind: "number strong", cell: ({ believed }) => quantity(believed) },
      { label: "Last seen there", kind: "wide", cell: lastSeen },
      { label: "Rules", kind: "wide", cell: ruled },
      { label: "Unexplained", kind: "wide", cell: unexplained },
      { label: "In words", kind: "wide bare", cell: ({ sentence }) => sentence },
    ],
  });
}

/** "keeps 2 back, at most 10": what makes the store show something else than there is; leads to where it is said. */
function ruled({ connectionId, buffer, shownMax, push, locations }) {
  const told = [
    push !== "on" && (push === "never" ? "never written" : "paused"),
    locations === "all" && "all locations",
    buffer !== "0" && `keeps ${quantity(buffer)} back`,
    shownMax !== null && `at most ${quantity(shownMax)}`,
  ].filter(Boolean);
  return h.a({ href: `/dashboard/stores/${connectionId}/rules` }, told.join(", ") || "none");
}

/** "5, 3 min ago, 2 sold since": what it is believed to show comes from. */
function lastSeen({ confirmed, confirmedAt, takenSince }) {
  if (confirmed === null) return "–";
  const since = Number(takenSince);
  return [
    `${quantity(confirmed)}, `,
    time(confirmedAt),
    since > 0 && `, ${quantity(takenSince)} sold since`,
    since < 0 && `, ${quantity(String(takenSince).replace("-", ""))} back since`,
  ];
}

const unexplained = ({ gap, gapSince }) => (gap === null ? "–" : [`${change(gap)}, since `, time(gapSince)]);

function movementTable(items, nameOf) {
  return table({
    caption: "Movements, newest first",
    rows: items,
    columns: [
      { label: "When", kind: "main", cell: ({ at }) => time(at) },
      { label: "Why", kind: "wide bare", cell: (movement) => why(movement, nameOf) },
      { label: "Change", kind: "number", cell: ({ delta }) => change(delta) },
      { label: "Balance after", kind: "number strong", cell: ({ balance }) => quantity(balance) },
    ],
  });
}

function pushTable(items, nameOf) {
  return table({
    caption: "Writes to the stores, newest first",
    rows: items,
    columns: [
      { label: "When", kind: "main", cell: ({ at }) => time(at) },
      { label: "Store", cell: ({ connectionId }) => nameOf(connectionId) },
      { label: "Expected there", kind: "number", cell: ({ expected }) => quantity(expected) },
      { label: "Sent", kind: "number strong", cell: ({ target }) => quantity(target) },
      { label: "Answer", kind: "wide", cell: ({ outcome, detail }) => explained(outcome, detail) },
    ],
  });
}
