import { get, put, withQuery } from "../api.js";
import { badge, reason } from "../components/badge.js";
import { differenceActions } from "../components/difference-actions.js";
import { choice, field, form } from "../components/form.js";
import { empty, notice, toast } from "../components/notices.js";
import { skuLink } from "../components/sku-link.js";
import { pages, table } from "../components/table.js";
import { time } from "../components/times.js";
import { h } from "../dom.js";
import { quantity, words } from "../format.js";

const LOCATIONS = [
  { value: "own", label: "The store's own location" },
  { value: "all", label: "All locations, as one stock" },
];
const DIFFERENCES = [
  { value: "prokip_wins", label: "Prokip wins: write over it" },
  { value: "ask", label: "Ask me, and do not write the item meanwhile" },
];
const PUSHING = [
  { value: "on", label: "Write it" },
  { value: "paused", label: "Pause it for now" },
  { value: "never", label: "Never write it" },
];
const NAMES = {
  buffer: "kept back",
  shown_max: "at most",
  locations: "locations",
  differences: "differences",
  push: "writing",
};

/** What one store shows differently from what there is, who said so, and what it asks. */
export const rules = {
  title: "Rules",
  refreshOn: ["listing.pushed", "drift.found"],
  async render({ params, query, signal, refresh }) {
    const path = `/api/v1/connections/${encodeURIComponent(params.id)}`;
    const asked = { connectionId: params.id, state: "open", cursor: query.differences };
    const [connection, rule, skus, changes, open, left] = await Promise.all([
      get(path, { signal }),
      get(`${path}/rules`, { signal }),
      get(withQuery(`${path}/rules/skus`, { cursor: query.skus }), { signal }),
      get(withQuery(`${path}/rules/changes`, { limit: 20, cursor: query.changes }), { signal }),
      get(withQuery("/api/v1/differences", asked), { signal }),
      get(withQuery("/api/v1/differences", { ...asked, state: "left", cursor: query.left }), { signal }),
    ]);
    return h.div(
      { class: "stack" },
      h.p({ class: "back" }, h.a({ href: `/dashboard/stores/${params.id}` }, connection.storeName)),
      h.h1("Rules"),
      rule.applying && notice("warn", h.p("The store's listings are still being given the newest rule.")),
      storeForm(path, rule, refresh),
      differenceSection("Waiting for you", open, query.differences, "differences", connection, refresh),
      left.items.length > 0 && differenceSection("Left alone", left, query.left, "left", connection, refresh),
      skuSection(path, skus, query.skus, connection, refresh),
      changeSection(changes, query.changes),
    );
  },
};

function storeForm(path, rule, refresh) {
  return form(
    {
      key: "store-rule",
      submitLabel: "Save the rule",
      submit: async ({ buffer, shownMax, ...choices }) => {
        await put(`${path}/rules`, { ...choices, buffer: buffer || "0", shownMax: wholeOrNone(shownMax) });
        toast("The rule is saved; the store is being brought in line.");
        await refresh();
      },
    },
    h.h2("The whole store"),
    field("buffer", "Kept back (safety buffer)", {
      value: rule.buffer,
      inputmode: "decimal",
      hint: "The store shows so many units fewer of each SKU. The stock itself stays as it is.",
    }),
    field("shownMax", "Shown at most", {
      value: rule.shownMax ?? "",
      inputmode: "numeric",
      hint: "Empty: no such limit.",
    }),
    choice("locations", "Which stock counts", LOCATIONS, {
      value: rule.locations,
      hint: "Sales of the store are told to Prokip at its own location either way.",
    }),
    choice("differences", "When the store shows what nothing explains", DIFFERENCES, {
      value: rule.differences,
      hint: "SKUs that Prokip does not hold are never written, whatever the store shows.",
    }),
  );
}

function skuSection(path, page, cursor, { locationId }, refresh) {
  return h.section(
    { class: "stack", "aria-label": "Single SKUs" },
    h.h2("Single SKUs"),
    page.items.length
      ? table({
          caption: "SKUs with a rule of their own",
          rows: page.items,
          columns: [
            { label: "SKU", kind: "main", cell: ({ sku }) => skuLink(locationId, sku) },
            { label: "Kept back", kind: "number", cell: ({ buffer }) => quantity(buffer) },
            { label: "At most", kind: "number", cell: ({ shownMax }) => quantity(shownMax) },
            { label: "Writing", kind: "wide", cell: ({ push }) => badge(push) },
          ],
        })
      : empty("No SKU has a rule of its own: all follow the store's."),
    pages(page.next, cursor, "skus"),
    form(
      {
        key: "sku-rule",
        submitLabel: "Save for this SKU",
        submit: async ({ sku, skuBuffer, skuMax, push }) => {
          const body = { sku, push, buffer: skuBuffer || null, shownMax: wholeOrNone(skuMax) };
          await put(`${path}/rules/skus`, body);
          toast(`The rule of ${sku} is saved.`);
          await refresh();
        },
      },
      field("sku", "SKU", { required: true }),
      field("skuBuffer", "Kept back", { inputmode: "decimal", hint: "Empty: as the store's." }),
      field("skuMax", "Shown at most", { inputmode: "numeric", hint: "Empty: as the store's." }),
      choice("push", "Writing", PUSHING, {
        value: "on",
        hint: "With the other two empty, “Write it” takes the SKU's own rule away.",
      }),
    ),
  );
}

function differenceSection(title, page, cursor, parameter, { locationId }, refresh) {
  return h.section(
    { class: "stack", "aria-label": title },
    h.h2(title),
    page.items.length
      ? table({
          caption: title,
          rows: page.items,
          columns: [
            { label: "SKU", kind: "main", cell: ({ sku }) => skuLink(locationId, sku) },
            { label: "Expected", kind: "number", cell: ({ expected }) => quantity(expected) },
            { label: "Shows", kind: "number strong", cell: ({ shown }) => quantity(shown) },
            { label: "By Prokip", kind: "number", cell: ({ target }) => quantity(target) },
            { label: "Since", cell: ({ at }) => time(at) },
            {
              label: "Likely cause",
              kind: "wide",
              cell: ({ cause, decidedBy }) => [cause, reason(decidedBy && `left by ${decidedBy}`)],
            },
            { label: "Decide", kind: "wide bare", cell: (difference) => differenceActions(difference, refresh) },
          ],
        })
      : empty("Nothing waits for a decision."),
    pages(page.next, cursor, parameter),
  );
}

function changeSection(page, cursor) {
  return h.section(
    { class: "stack", "aria-label": "Who changed what" },
    h.h2("Who changed what"),
    page.items.length
      ? table({
          caption: "Changes of rules, newest first",
          rows: page.items,
          columns: [
            { label: "When", kind: "main", cell: ({ at }) => time(at) },
            { label: "Who", cell: ({ changedBy }) => changedBy },
            { label: "SKU", cell: ({ sku }) => sku ?? "the whole store" },
            { label: "What", kind: "wide", cell: ({ before, after }) => inWords(before, after) },
          ],
        })
      : empty("Nobody has changed a rule yet."),
    pages(page.next, cursor, "changes"),
  );
}

/** "kept back: 0 → 3": only what has changed. */
const inWords = (before, after) =>
  Object.keys(after)
    .filter((name) => before[name] !== after[name])
    .map((name) => `${NAMES[name] ?? words(name)}: ${said(before[name])} → ${said(after[name])}`)
    .join(", ");

const said = (value) => (value === null ? "none" : words(value));

/** What is no number is left for the gateway to refuse, in its own words. */
const wholeOrNone = (text) => (text === "" ? null : Number.isNaN(Number(text)) ? text : Number(text));
