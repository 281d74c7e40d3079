import { get, put, remove, withQuery } from "../api.js";
import { action } from "../components/action.js";
import { reason } from "../components/badge.js";
import { field, form } from "../components/form.js";
import { empty, toast } from "../components/notices.js";
import { skuLink } from "../components/sku-link.js";
import { pages, table } from "../components/table.js";
import { time } from "../components/times.js";
import { h } from "../dom.js";
import { quantity } from "../format.js";
import { addressWith, setQuery } from "../router.js";

const ROWS = 4;

/** SKUs that are made of others: which, of what, how many there are, and a form to say so. */
export const bundles = {
  title: "Bundles",
  refreshOn: ["bundle.changed", "sale.due", "listing.pushed", "sync.completed"],
  async render({ query, signal, refresh }) {
    const page = await get(withQuery("/api/v1/bundles", { cursor: query.cursor }), { signal });
    const chosen = page.items.find(({ sku }) => sku === query.sku);
    return h.div(
      { class: "stack" },
      h.p({ class: "back" }, h.a({ href: "/dashboard/stock" }, "Stock")),
      h.h1("Bundles"),
      h.p(
        { class: "muted" },
        "A bundle is a SKU of your stores that is made of others. It is sold as its parts: Prokip is told those. ",
        "Stores show how many of it the parts make.",
      ),
      page.items.length ? bundleTable(page.items, refresh) : empty("No SKU is made of others yet."),
      pages(page.next, query.cursor),
      bundleForm(chosen, refresh),
    );
  },
};

function bundleTable(items, refresh) {
  return table({
    caption: "Bundles",
    rows: items,
    columns: [
      { label: "SKU", kind: "main", cell: ({ sku, places }) => named(sku, places) },
      { label: "Made of", kind: "wide", cell: ({ parts }) => parts.map(inWords).join(", ") },
      { label: "Available", kind: "wide", cell: ({ places }) => (places.length ? places.map(place) : "–") },
      { label: "Said", kind: "wide", cell: ({ changedBy, changedAt }) => [`${changedBy}, `, time(changedAt)] },
      { label: "Decide", kind: "wide bare", cell: (bundle) => choices(bundle, refresh) },
    ],
  });
}

const named = (sku, places) => (places.length === 1 ? skuLink(places[0].locationId, sku) : sku);
const inWords = ({ sku, quantity: units }) => `${quantity(units)} of ${sku}`;

/** "3 at Main", and the part that decides. */
function place({ locationId, available, heldByProkip, parts }) {
  const { sku, available: left } = parts.find(({ least }) => least);
  const why = left === null ? `Prokip has told no quantity of ${sku}` : `${sku} decides: ${quantity(left)} left`;
  const resting = "Prokip has a quantity of it itself, so here it is no bundle";
  return h.div(
    heldByProkip ? `At ${locationId}` : `${quantity(available)} at ${locationId}`,
    reason(heldByProkip ? resting : why),
  );
}

function choices({ sku }, refresh) {
  return [
    h.a({ href: addressWith({ sku }) }, "Change"),
    " ",
    action("No bundle any more", {
      key: `dissolve-${sku}`,
      run: async () => {
        await remove(`/api/v1/bundles/${encodeURIComponent(sku)}`);
        toast(`${sku} is no bundle any more; nothing is written to it.`);
        await refresh();
      },
    }),
  ];
}

function bundleForm(chosen, refresh) {
  const parts = chosen?.parts ?? [];
  const rows = h.div({ class: "stack" });
  const add = () => rows.append(partRow(rows.childElementCount + 1, parts[rows.childElementCount]));
  while (rows.childElementCount < Math.max(ROWS, parts.length)) add();
  const more = h.button({ type: "button", class: "button quiet", onclick: add }, "Another part");
  return form(
    {
      key: `bundle-${chosen?.sku ?? "new"}`,
      submitLabel: "Save the bundle",
      submit: async ({ sku, ...values }) => {
        await put("/api/v1/bundles", { sku, parts: filled(values) });
        toast(`${sku} is sold as its parts from now on.`);
        await (chosen ? setQuery({ sku: "" }) : refresh());
      },
    },
    h.h2(chosen ? `Change ${chosen.sku}` : "Say what a SKU is made of"),
    field("sku", "SKU of the bundle", {
      required: true,
      value: chosen?.sku ?? "",
      hint: "As your stores name it. Orders that were sold before keep what they were sold with.",
    }),
    rows,
    more,
  );
}

const partRow = (number, part) =>
  h.div(
    { class: "stack" },
    field(`part${number}`, `Part ${number}`, { value: part?.sku ?? "", hint: "A SKU in Prokip." }),
    field(`units${number}`, `Units of part ${number}`, { value: part?.quantity ?? "1", inputmode: "decimal" }),
  );

/** The rows that name a part. */
const filled = (values) =>
  Object.keys(values)
    .filter((name) => name.startsWith("part") && values[name] !== "")
    .map((name) => ({ sku: values[name], quantity: values[name.replace("part", "units")] || "1" }));
