import { get, withQuery } from "../api.js";
import { empty } from "../components/notices.js";
import { pages, table } from "../components/table.js";
import { h } from "../dom.js";
import { quantity } from "../format.js";

/** From what to what one read changes. */
export const read = {
  title: "Changes of a read",
  async render({ params, query, signal }) {
    const path = `/api/v1/prokip/reads/${encodeURIComponent(params.id)}/changes`;
    const page = await get(withQuery(path, { cursor: query.cursor }), { signal });
    return h.div(
      { class: "stack" },
      h.p(h.a({ href: "/dashboard/prokip/reads" }, "All reads")),
      h.h1("Changes of a read"),
      h.p({ class: "muted" }, "What is there before any order of a store: sales over the stores change none of this."),
      page.items.length ? changeTable(page.items) : empty("This read changes no quantity."),
      pages(page.next, query.cursor),
    );
  },
};

function changeTable(items) {
  return table({
    caption: "From what to what, by SKU",
    rows: items,
    columns: [
      { label: "SKU", kind: "main", cell: ({ sku }) => sku },
      { label: "From", kind: "number", cell: ({ before }) => (before === null ? "–" : quantity(before)) },
      { label: "To", kind: "number strong", cell: ({ after }) => quantity(after) },
    ],
  });
}
