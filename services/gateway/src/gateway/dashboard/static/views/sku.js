import { get, withQuery } from "../api.js";
import { explained } from "../components/badge.js";
import { empty, notice } from "../components/notices.js";
import { storeNames } from "../components/store-names.js";
import { sumTable } from "../components/sum.js";
import { pages, table } from "../components/table.js";
import { time } from "../components/times.js";
import { h } from "../dom.js";
import { change, quantity, words } from "../format.js";

const CAUSES = {
  sale: "Sold",
  cancel: "Cancelled",
  return: "Returned",
  edit: "Order changed",
  holder: "The store counts it with another SKU",
  prokip: "Prokip told a new quantity",
};
const NOT_MOVED = "Nothing has moved yet. The first sale or change in Prokip appears here.";
const NOT_WRITTEN =
  "Nothing has been written to a store yet. A store must list this SKU, and Prokip must have told its quantity.";

export const sku = {
  title: "SKU",
  refreshOn: ["sale.due", "sale.recorded", "stock.oversold", "listing.pushed", "drift.found", "sync.completed"],
  async render({ params, query, signal }) {
    const which = { sku: params.sku, locationId: params.location };
    const [explanation, movements, pushes, nameOf] = await Promise.all([
      get(withQuery("/api/v1/stock/explanation", which), { signal }),
      get(withQuery("/api/v1/stock/movements", { ...which, cursor: query.movements }), { signal }),
      get(withQuery("/api/v1/stock/pushes", { sku: params.sku, cursor: query.pushes }), { signal }),
      storeNames(signal),
    ]);
    return h.div({ class: "stack" }, [
      h.p({ class: "back" }, h.a({ href: "/dashboard/stock" }, "Stock")),
      h.h1(params.sku),
      quantityExplained(explanation, nameOf),
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
    sumTable(explanation, nameOf),
  ];
}

/** "Sold: order 1001 at Kiosk"; a change that no order made has its cause alone. */
function why({ cause, connectionId, orderRef }, nameOf) {
  const what = CAUSES[cause] ?? words(cause);
  return orderRef === null ? what : `${what}: order ${orderRef} at ${nameOf(connectionId)}`;
}

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
