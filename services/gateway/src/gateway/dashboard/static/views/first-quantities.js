import { get, post, withQuery } from "../api.js";
import { action } from "../components/action.js";
import { badge, reason } from "../components/badge.js";
import { confirmDialog } from "../components/dialog.js";
import { empty, toast } from "../components/notices.js";
import { pages, table } from "../components/table.js";
import { time } from "../components/times.js";
import { h } from "../dom.js";
import { count, quantity } from "../format.js";
import { STORE_EVENTS } from "../live.js";

const STATES = {
  waiting: "The store's catalogue or Prokip's quantities are not complete yet. Nothing is written until they are.",
  held: "So much would change that nothing is written until somebody has looked at it. Sales are counted meanwhile.",
  refused: "Somebody refused these quantities. Nothing is written to this store.",
  released: "Somebody let them through.",
  passed: "They were few enough to go by themselves.",
};

/** What a store is to show for the first time. */
export const firstQuantities = {
  title: "First quantities",
  refreshOn: STORE_EVENTS,
  async render({ params, query, signal, refresh }) {
    const path = `/api/v1/connections/${encodeURIComponent(params.id)}`;
    const [connection, plan, changes] = await Promise.all([
      get(path, { signal }),
      get(`${path}/first-quantities`, { signal }),
      get(withQuery(`${path}/first-quantities/changes`, { cursor: query.cursor }), { signal }),
    ]);
    return h.div(
      { class: "stack" },
      h.p({ class: "back" }, h.a({ href: `/dashboard/stores/${connection.id}` }, connection.storeName)),
      h.h1("First quantities"),
      h.div({ class: "health" }, badge(plan.state), h.span({ class: "muted" }, "since ", time(plan.since)), reason(plan.reason)),
      h.p({ class: "muted" }, STATES[plan.state]),
      plan.listings > 0 &&
        h.p(
          `Of ${count(plan.listings, "listing")} with a quantity in Prokip, ${quantity(plan.changed)} showed something else; ` +
            `${quantity(plan.zeroed)} would fall to zero.`,
        ),
      decisions(path, plan, refresh),
      h.h2("What differs now"),
      changes.items.length ? changeTable(changes.items) : empty("Nothing: the store shows what Prokip has."),
      pages(changes.next, query.cursor),
    );
  },
};

function decisions(path, plan, refresh) {
  const buttons = {
    held: [release(path, plan, refresh), refuse(path, plan, refresh), again(path, plan, refresh)],
    refused: [release(path, plan, refresh), again(path, plan, refresh)],
  }[plan.state];
  return buttons ? h.div({ class: "buttons" }, buttons) : null;
}

const release = (path, plan, refresh) =>
  asking("Write them", path, "release", plan, refresh, {
    title: "Write these quantities to the store?",
    body: [plan.reason, "The store shows them at once."],
    confirmLabel: `Change ${count(plan.changed, "listing")}`,
  });

const refuse = (path, plan, refresh) =>
  asking("Refuse", path, "refuse", plan, refresh, {
    title: "Leave the store as it is?",
    body: ["Nothing is written to it until somebody lets it through. Its sales are counted all the same."],
    confirmLabel: "Write nothing",
    style: "primary",
  });

const again = (path, plan, refresh) =>
  action("Look again", {
    key: `again-${plan.connectionId}-${plan.state}-${plan.since}`,
    run: async () => {
      toast(`${(await post(`${path}/first-quantities/reconsider`)).message}.`);
      await refresh();
    },
  });

function asking(label, path, decision, plan, refresh, question) {
  return action(label, {
    key: `${decision}-${plan.connectionId}-${plan.state}`,
    run: async () => {
      const run = async () => toast(`${(await post(`${path}/first-quantities/${decision}`)).message}.`);
      if (await confirmDialog({ ...question, run })) await refresh();
    },
  });
}

function changeTable(items) {
  return table({
    caption: "From what to what, by SKU",
    rows: items,
    columns: [
      { label: "SKU", kind: "main", cell: ({ sku }) => sku },
      { label: "Name", kind: "wide", cell: ({ name }) => name },
      { label: "Shows", kind: "number", cell: ({ shows }) => (shows === null ? "–" : quantity(shows)) },
      { label: "Should show", kind: "number strong", cell: ({ target }) => quantity(target) },
    ],
  });
}
