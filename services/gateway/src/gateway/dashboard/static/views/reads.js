import { get, withQuery } from "../api.js";
import { badge, reason } from "../components/badge.js";
import { choice, filters } from "../components/filters.js";
import { empty } from "../components/notices.js";
import { readActions } from "../components/read-actions.js";
import { pages, table } from "../components/table.js";
import { time } from "../components/times.js";
import { h } from "../dom.js";
import { quantity } from "../format.js";

const STATES = [
  ["", "All"],
  ["held", "Held"],
  ["applied", "Applied"],
  ["released", "Released"],
  ["refused", "Refused"],
  ["undone", "Undone"],
];

/** What reads of Prokip changed; those that would change too much wait here. */
export const reads = {
  title: "Reads of Prokip",
  refreshOn: ["prokip.held", "sync.completed"],
  async render({ query, signal, refresh }) {
    const [page, heldBack, leftAlone] = await Promise.all([
      get(withQuery("/api/v1/prokip/reads", { state: query.state, cursor: query.cursor }), { signal }),
      get(withQuery("/api/v1/prokip/held-back", { cursor: query.heldBack }), { signal }),
      get(withQuery("/api/v1/prokip/left-alone", { cursor: query.leftAlone }), { signal }),
    ]);
    return h.div(
      { class: "stack" },
      h.h1("Reads of Prokip"),
      h.p(
        { class: "muted" },
        "A read that would change or empty too much of the stock is held: nothing of it is told until somebody looks. ",
        "Sales go on meanwhile.",
      ),
      filters(choice("State", "state", query.state, STATES)),
      page.items.length ? readTable(page.items, refresh) : empty("No read fits: nothing is held and nothing has changed."),
      pages(page.next, query.cursor),
      heldBack.items.length > 0 && heldBackSection(heldBack, query.heldBack),
      leftAlone.items.length > 0 && leftAloneSection(leftAlone, query.leftAlone),
    );
  },
};

function readTable(items, refresh) {
  return table({
    caption: "Reads that changed something or are held, newest first",
    rows: items,
    columns: [
      {
        label: "Read",
        kind: "main",
        cell: ({ id, readAt }) => h.a({ href: `/dashboard/prokip/reads/${id}` }, time(readAt)),
      },
      { label: "Location", cell: ({ locationId }) => locationId },
      { label: "State", kind: "wide", cell: ({ state, sentence }) => [badge(state), reason(sentence)] },
      { label: "Changed", kind: "number", cell: ({ changedSkus }) => quantity(changedSkus) },
      { label: "To zero", kind: "number", cell: ({ zeroedSkus }) => quantity(zeroedSkus) },
      { label: "Held back", kind: "number", cell: ({ heldBackSkus }) => quantity(heldBackSkus) },
      { label: "Decide", kind: "wide bare", cell: (read) => readActions(read, refresh) },
    ],
  });
}

function heldBackSection(page, cursor) {
  return h.section(
    { class: "stack", "aria-labelledby": "held-back" },
    h.h2({ id: "held-back" }, "Not told, because somebody refused or undid it"),
    table({
      caption: "SKUs that are not told what Prokip shows",
      rows: page.items,
      columns: [
        { label: "SKU", kind: "main", cell: ({ sku }) => sku },
        { label: "Location", cell: ({ locationId }) => locationId },
        { label: "In Prokip", kind: "number", cell: ({ inProkip }) => quantity(inProkip) },
        { label: "Told instead", kind: "number", cell: ({ told }) => quantity(told) },
        { label: "Read", cell: ({ readId }) => h.a({ href: `/dashboard/prokip/reads/${readId}` }, `${readId}`) },
      ],
    }),
    pages(page.next, cursor, "heldBack"),
  );
}

function leftAloneSection(page, cursor) {
  return h.section(
    { class: "stack", "aria-labelledby": "left-alone" },
    h.h2({ id: "left-alone" }, "Left alone: Prokip tells no quantity"),
    table({
      caption: "SKUs that Prokip tells no quantity for",
      rows: page.items,
      columns: [
        { label: "SKU", kind: "main", cell: ({ sku }) => sku },
        { label: "Location", cell: ({ locationId }) => locationId },
        { label: "Why", kind: "wide", cell: ({ reason: why }) => why },
      ],
    }),
    pages(page.next, cursor, "leftAlone"),
  );
}
