import { get, withQuery } from "../api.js";
import { badge } from "../components/badge.js";
import { choice, searchBox } from "../components/filters.js";
import { empty } from "../components/notices.js";
import { saleActions } from "../components/sale-actions.js";
import { pages, table } from "../components/table.js";
import { time } from "../components/times.js";
import { h } from "../dom.js";
import { quantity, words } from "../format.js";

export const sales = {
  title: "Sales",
  refreshOn: ["sale.due", "sale.recorded"],
  async render({ query, signal, refresh }) {
    const toldProkip = query.show === "prokip";
    const [page, connections] = await Promise.all([
      get(withQuery(toldProkip ? "/api/v1/prokip/sales" : "/api/v1/sales", { search: toldProkip ? "" : query.search, state: query.state, cursor: query.cursor }), { signal }),
      get("/api/v1/connections?status=all", { signal }),
    ]);
    const names = new Map(connections.items.map(({ id, storeName }) => [id, storeName]));
    const nameOf = (id) => names.get(id) ?? `Store ${id}`;
    return h("div", { class: "stack" },
      h("h1", {}, "Sales"),
      h("nav", { class: "tabs", "aria-label": "Which sales" }, tab("/dashboard/sales", "From the stores", !toldProkip), tab("/dashboard/sales?show=prokip", "Told to Prokip", toldProkip)),
      h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
        !toldProkip && searchBox("Order or SKU", query.search),
        choice("State in Prokip", "state", query.state, STATES),
      ),
      content(page.items, toldProkip, query, nameOf, refresh),
      pages(page.next, query.cursor),
    );
  },
};

const STATES = [["", "All"], ["due", "Waiting"], ["recorded", "Recorded"], ["in_doubt", "In doubt"], ["refused", "Refused"], ["return_unsupported", "Return to enter by hand"]];

const tab = (href, label, current) => h("a", { href, "aria-current": current ? "page" : null }, label);

function content(items, toldProkip, query, nameOf, refresh) {
  if (items.length) return toldProkip ? prokipTable(items, nameOf, refresh) : saleTable(items, nameOf);
  if (query.state || query.search) return empty("No sale fits. Try another state or a shorter search.");
  return empty("No sale has come in yet. The next order in a connected store appears here within a second.");
}

function saleTable(items, nameOf) {
  return table({
    caption: "Sales, newest first",
    rows: items,
    columns: [
      { label: "When", cell: ({ at }) => time(at) },
      { label: "Order", kind: "main", cell: ({ orderNumber, orderRef }) => orderNumber || orderRef },
      { label: "Store", cell: ({ connectionId }) => nameOf(connectionId) },
      { label: "SKU", cell: ({ sku }) => sku ?? h("span", { class: "muted" }, "no SKU") },
      { label: "Units", kind: "number strong", cell: ({ units }) => quantity(units) },
      { label: "Order state", cell: ({ status }) => words(status) },
      { label: "In Prokip", kind: "wide", cell: ({ prokipState, prokipSellId, detail }) => [badge(prokipState ?? "due"), prokipSellId && h("span", { class: "muted" }, ` ${prokipSellId}`), detail && h("span", { class: "reason" }, detail)] },
    ],
  });
}

function prokipTable(items, nameOf, refresh) {
  return table({
    caption: "What Prokip was told, newest first",
    rows: items,
    columns: [
      { label: "When", cell: ({ at }) => time(at) },
      { label: "Order", kind: "main", cell: ({ orderNumber, orderRef }) => orderNumber || orderRef },
      { label: "Store", cell: ({ connectionId }) => nameOf(connectionId) },
      { label: "State", kind: "wide", cell: ({ state, detail }) => [badge(state), detail && h("span", { class: "reason" }, detail)] },
      { label: "Sale in Prokip", cell: ({ prokipSellId }) => prokipSellId ?? "–" },
      { label: "Attempts", kind: "number", cell: ({ attempts }) => quantity(attempts) },
      { label: "Decide", kind: "wide bare", cell: (sale) => saleActions(sale, refresh) },
    ],
  });
}
