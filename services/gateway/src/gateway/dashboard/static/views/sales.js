import { get, withQuery } from "../api.js";
import { badge, explained, reason } from "../components/badge.js";
import { choice, filters, searchBox } from "../components/filters.js";
import { empty } from "../components/notices.js";
import { saleActions } from "../components/sale-actions.js";
import { storeNames } from "../components/store-names.js";
import { pages, table } from "../components/table.js";
import { time } from "../components/times.js";
import { h } from "../dom.js";
import { quantity, words } from "../format.js";

const STATES = [
  ["", "All"],
  ["due", "Waiting"],
  ["recorded", "Recorded"],
  ["in_doubt", "In doubt"],
  ["refused", "Refused"],
  ["return_unsupported", "Return to enter by hand"],
];

/** Two lists under one heading: what the stores sold, and what Prokip was told of it. */
export const sales = {
  title: "Sales",
  refreshOn: ["sale.due", "sale.recorded"],
  async render({ query, signal, refresh }) {
    const toldProkip = query.show === "prokip";
    const path = toldProkip ? "/api/v1/prokip/sales" : "/api/v1/sales";
    const search = toldProkip ? null : query.search;
    const [page, nameOf] = await Promise.all([
      get(withQuery(path, { search, state: query.state, cursor: query.cursor }), { signal }),
      storeNames(signal),
    ]);
    return h.div({ class: "stack" }, [
      h.h1("Sales"),
      tabs(toldProkip),
      filters(
        !toldProkip && searchBox("Order or SKU", query.search),
        choice("State in Prokip", "state", query.state, STATES),
      ),
      page.items.length === 0 && nothing(query),
      page.items.length > 0 && (toldProkip ? prokipTable(page.items, nameOf, refresh) : saleTable(page.items, nameOf)),
      pages(page.next, query.cursor),
    ]);
  },
};

function tabs(toldProkip) {
  const tab = (href, label, current) => h.a({ href, "aria-current": current ? "page" : null }, label);
  return h.nav({ class: "tabs", "aria-label": "Which sales" }, [
    tab("/dashboard/sales", "From the stores", !toldProkip),
    tab("/dashboard/sales?show=prokip", "Told to Prokip", toldProkip),
  ]);
}

function nothing({ state, search, cursor }) {
  if (state || search || cursor) return empty("No sale fits. Try another state or a shorter search.");
  return empty("No sale has come in yet. The next order in a connected store appears here within a second.");
}

const ORDER = { label: "Order", kind: "main", cell: ({ orderNumber, orderRef }) => orderNumber || orderRef };
const WHEN = { label: "When", cell: ({ at }) => time(at) };

function saleTable(items, nameOf) {
  return table({
    caption: "Sales, newest first",
    rows: items,
    columns: [
      WHEN,
      ORDER,
      { label: "Store", cell: ({ connectionId }) => nameOf(connectionId) },
      { label: "SKU", cell: ({ sku }) => sku ?? h.span({ class: "muted" }, "no SKU") },
      { label: "Units", kind: "number strong", cell: ({ units }) => quantity(units) },
      { label: "Order state", cell: ({ status }) => words(status) },
      { label: "In Prokip", kind: "wide", cell: inProkip },
    ],
  });
}

const inProkip = ({ prokipState, prokipSellId, detail }) => [
  badge(prokipState),
  prokipSellId && h.span({ class: "muted" }, ` ${prokipSellId}`),
  reason(detail),
];

function prokipTable(items, nameOf, refresh) {
  return table({
    caption: "What Prokip was told, newest first",
    rows: items,
    columns: [
      WHEN,
      ORDER,
      { label: "Store", cell: ({ connectionId }) => nameOf(connectionId) },
      { label: "State", kind: "wide", cell: (sale) => [explained(sale.state, sale.detail), lookUp(sale)] },
      { label: "Sale in Prokip", cell: ({ prokipSellId }) => prokipSellId ?? "–" },
      { label: "Failed attempts", kind: "number", cell: ({ attempts }) => quantity(attempts) },
      { label: "Decide", kind: "wide bare", cell: (sale) => saleActions(sale, refresh) },
    ],
  });
}

/** What is being done about a doubt, so that nobody settles by hand what settles itself. */
function lookUp({ state, looks, nextLookAt, lookWords }) {
  if (state !== "in_doubt" || (!looks && !nextLookAt)) return null;
  const next = nextLookAt ? ["It is looked up by itself, next ", time(nextLookAt), "."] : "Please look yourself and settle it.";
  return h.span({ class: "reason" }, [lookWords && `${lookWords} `, next]);
}
