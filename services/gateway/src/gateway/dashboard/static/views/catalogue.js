import { get, post, withQuery } from "../api.js";
import { action } from "../components/action.js";
import { reason } from "../components/badge.js";
import { confirmDialog } from "../components/dialog.js";
import { choice, filters, searchBox } from "../components/filters.js";
import { field } from "../components/form.js";
import { empty, notice, toast } from "../components/notices.js";
import { skuLink } from "../components/sku-link.js";
import { pages, table } from "../components/table.js";
import { time } from "../components/times.js";
import { h } from "../dom.js";
import { quantity } from "../format.js";
import { STORE_EVENTS } from "../live.js";
import { addressWith } from "../router.js";

const WATCH_EVERY_MS = 1000;

const KINDS = {
  matched: "Written to",
  only_in_store: "Only in the store",
  only_in_prokip: "Only in Prokip",
  rule: "Left alone by a rule",
  left_alone: "Not counted by Prokip",
  no_quantity: "No quantity in Prokip",
  duplicate_sku: "SKU used twice",
  no_sku: "No SKU",
  not_tracked: "Not counted by the store",
  inactive: "Not stocked at the location",
  held_by_parent: "Stock held by its product",
  ignored: "Left alone",
  gone: "No longer in the store",
};

/** What a store has and what Prokip has: what matches, what does not, and why. */
export const catalogue = {
  title: "Catalogue",
  refreshOn: STORE_EVENTS,
  async render({ params, query, signal, refresh }) {
    const store = `/api/v1/connections/${encodeURIComponent(params.id)}`;
    const [connection, found, items] = await Promise.all([
      get(store, { signal }),
      get(`${store}/catalogue`, { signal }),
      get(withQuery(`${store}/catalogue/items`, { kind: query.kind, search: query.search, cursor: query.cursor }), {
        signal,
      }),
    ]);
    if (found.reading.state === "reading") watch(refresh, signal);
    return h.div(
      { class: "stack" },
      h.p({ class: "back" }, h.a({ href: `/dashboard/stores/${connection.id}` }, connection.storeName)),
      h.h1("Catalogue"),
      progress(found.reading),
      h.div({ class: "buttons" }, readAction(store, refresh)),
      countList(found.counts),
      filters(
        searchBox("SKU or name", query.search),
        choice("Show", "kind", query.kind, [["", "All"], ...Object.entries(KINDS)]),
      ),
      items.items.length ? itemTable(items.items, connection, refresh) : nothing(query),
      pages(items.next, query.cursor),
    );
  },
};

function watch(refresh, signal) {
  const timer = setTimeout(refresh, WATCH_EVERY_MS);
  signal.addEventListener("abort", () => clearTimeout(timer));
}

function progress({ state, since, counted, total, readAt, error }) {
  const far = total === null ? quantity(counted) : `${quantity(counted)} of ${quantity(total)}`;
  if (state === "failed") return notice("bad", h.p(`The reading stopped at ${far}: ${error}. It goes on from there.`));
  if (state === "reading") return notice("", h.p(`Being read: ${far} so far, since `, time(since), "."));
  if (state === "waiting") return notice("", h.p("It has not been read yet; this begins right after connecting."));
  return h.p({ class: "muted" }, `Read completely (${far}), `, time(readAt), ".");
}

const readAction = (store, refresh) =>
  action("Read it now", {
    key: `read-${store}`,
    run: async () => {
      const { message } = await post(`${store}/catalogue/read`);
      toast(`${message}.`);
      await refresh();
    },
  });

function countList(counts) {
  const shown = Object.keys(KINDS).filter((kind) => counts[kind]);
  if (shown.length === 0) return null;
  return h.ul(
    { class: "counts" },
    shown.map((kind) =>
      h.li(h.a({ href: addressWith({ kind, cursor: null }) }, h.strong(quantity(counts[kind])), ` ${KINDS[kind]}`)),
    ),
  );
}

function itemTable(items, { locationId }, refresh) {
  return table({
    caption: "Items of the store and SKUs of Prokip",
    rows: items,
    columns: [
      {
        label: "SKU",
        kind: "main",
        cell: ({ sku }) => (sku ? skuLink(locationId, sku) : h.span({ class: "muted" }, "no SKU")),
      },
      { label: "Name", kind: "wide", cell: ({ name }) => name },
      { label: "Available", kind: "number", cell: ({ available }) => quantity(available) },
      { label: "Shows", kind: "number", cell: ({ believed }) => quantity(believed) },
      { label: "Why", kind: "wide", cell: ({ kind, why }) => [h.span(KINDS[kind]), reason(why)] },
      { label: "Say", kind: "wide bare", cell: (item) => itemActions(item, refresh) },
    ],
  });
}

function itemActions(item, refresh) {
  if (item.listingId === null || item.kind === "gone") return null;
  const address = `/api/v1/listings/${item.listingId}`;
  const say = async (path, body) => {
    const { message } = await post(`${address}/${path}`, body);
    toast(`${message}.`);
  };
  const simple = (label, path) =>
    action(label, {
      key: `${path}-${item.listingId}-${item.kind}`,
      run: async () => {
        await say(path);
        await refresh();
      },
    });
  return h.div(
    { class: "buttons" },
    item.choice === null && linkAction(item, say, refresh),
    item.choice === null && simple("Leave alone", "ignore"),
    item.choice !== null && simple("Match by its own SKU", "reset"),
  );
}

function linkAction(item, say, refresh) {
  return action("Link", {
    key: `link-${item.listingId}-${item.kind}`,
    run: async () => {
      const done = await confirmDialog({
        title: `Which SKU of Prokip is ${item.name}?`,
        body: ["From now on it shows that SKU's stock, and what it sells is taken from it."],
        fields: [field("sku", "SKU in Prokip", { required: true, maxlength: "255" })],
        confirmLabel: "Link them",
        style: "primary",
        run: ({ sku }) => say("link", { sku: sku.trim() }),
      });
      if (done) await refresh();
    },
  });
}

function nothing({ search, kind }) {
  if (search || kind) return empty("Nothing fits. Try a shorter search, or another kind.");
  return empty("Nothing is known yet: the store's catalogue has not been read, and Prokip has told no quantity.");
}
