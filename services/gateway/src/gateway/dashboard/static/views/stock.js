import { get, withQuery } from "../api.js";
import { badge } from "../components/badge.js";
import { choice, filters, searchBox } from "../components/filters.js";
import { empty } from "../components/notices.js";
import { skuLink } from "../components/sku-link.js";
import { pages, table } from "../components/table.js";
import { h } from "../dom.js";
import { quantity } from "../format.js";

const STATES = [
  ["", "All"],
  ["managed", "Managed"],
  ["oversold", "Oversold"],
  ["unmatched", "Not in Prokip"],
  ["pending", "Not yet told by Prokip"],
  ["bundle", "Bundles"],
];

export const stock = {
  title: "Stock",
  refreshOn: ["sale.due", "stock.oversold", "bundle.changed", "listing.pushed", "sync.completed"],
  async render({ query, signal }) {
    const { search, state, locationId, cursor } = query;
    const page = await get(withQuery("/api/v1/stock", { search, state, locationId, cursor }), { signal });
    return h.div(
      { class: "stack" },
      h.h1("Stock"),
      h.p(h.a({ href: "/dashboard/bundles" }, "Bundles"), ": SKUs that are made of others."),
      filters(
        searchBox("SKU", search),
        choice("State", "state", state, STATES),
        locationId && h.p({ class: "muted" }, `Only ${locationId}. `, h.a({ href: "/dashboard/stock" }, "Show all")),
      ),
      page.items.length ? stockTable(page.items) : nothing(query),
      pages(page.next, cursor),
    );
  },
};

function stockTable(items) {
  const locations = new Set(items.map(({ locationId }) => locationId));
  const location = { label: "Location", cell: ({ locationId }) => locationId };
  return h.div(
    { class: "openable" },
    table({
      caption: "Stock",
      rows: items,
      columns: [
        { label: "SKU", kind: "main", cell: ({ sku, locationId }) => skuLink(locationId, sku) },
        ...(locations.size > 1 ? [location] : []),
        { label: "Available", kind: "number strong", cell: ({ available }) => quantity(available) },
        { label: "Base", kind: "number", cell: ({ base }) => quantity(base) },
        { label: "Taken", kind: "number", cell: ({ taken }) => quantity(taken) },
        { label: "State", kind: "mark", cell: ({ state }) => badge(state) },
      ],
    }),
  );
}

function nothing({ search, state }) {
  if (search || state) return empty("No SKU fits. Try a shorter search or another state.");
  return empty(
    "No stock is known yet. ",
    h.a({ href: "/dashboard/prokip" }, "Set up Prokip"),
    ": its quantities appear here after the first read.",
  );
}
