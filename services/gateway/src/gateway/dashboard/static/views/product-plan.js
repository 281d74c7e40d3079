import { get, post, withQuery } from "../api.js";
import { action } from "../components/action.js";
import { badge, reason } from "../components/badge.js";
import { confirmDialog } from "../components/dialog.js";
import { choice, filters, searchBox } from "../components/filters.js";
import { field } from "../components/form.js";
import { empty, notice, toast } from "../components/notices.js";
import { pages, table } from "../components/table.js";
import { time } from "../components/times.js";
import { h } from "../dom.js";
import { count, quantity } from "../format.js";

const WATCH_EVERY_MS = 1000;
const WORKING = ["reading", "running", "undoing"];

const ACTIONS = { create: "Make", update: "Change", leave: "Leave" };
const STATES = {
  planned: "Planned",
  done: "Done",
  failed: "Failed",
  left: "Left",
  undone: "Set back",
  kept: "Kept",
};

/** One plan: what is done with each product, why, and what became of it. */
export const productPlan = {
  title: "Plan",
  async render({ params, query, signal, refresh }) {
    const path = `/api/v1/product-plans/${encodeURIComponent(params.id)}`;
    const filter = { action: query.action, state: query.state, search: query.search, cursor: query.cursor };
    const [plan, items] = await Promise.all([
      get(path, { signal }),
      get(withQuery(`${path}/items`, filter), { signal }),
    ]);
    if (WORKING.includes(plan.state)) watch(refresh, signal);
    return h.div(
      { class: "stack" },
      h.p({ class: "back" }, h.a({ href: `/dashboard/stores/${plan.connectionId}/products` }, "Plans of this store")),
      h.h1("Plan"),
      h.div({ class: "health" }, badge(plan.state), h.span({ class: "muted" }, "since ", time(plan.since))),
      plan.error && notice("bad", h.p(`${plan.error} It goes on by itself.`)),
      h.p(progress(plan)),
      steps(path, plan, refresh),
      filters(
        searchBox("Product or SKU", query.search),
        choice("To do", "action", query.action, [["", "All"], ...Object.entries(ACTIONS)]),
        choice("State", "state", query.state, [["", "All"], ...Object.entries(STATES)]),
      ),
      items.items.length ? itemTable(items.items, plan, path, refresh) : empty("No product fits."),
      pages(items.next, query.cursor),
    );
  },
};

function watch(refresh, signal) {
  const timer = setTimeout(refresh, WATCH_EVERY_MS);
  signal.addEventListener("abort", () => clearTimeout(timer));
}

function progress({ state, counts, productsRead, productsTotal }) {
  const read = productsTotal === null ? quantity(productsRead) : `${quantity(productsRead)} of ${quantity(productsTotal)}`;
  if (state === "reading") return `Prokip's products are read and compared: ${read} so far.`;
  const said = { create: "to make", update: "to change", leave: "left", undone: "set back" };
  const words = Object.entries(counts).map(([name, number]) => `${quantity(number)} ${said[name] ?? name}`);
  return words.length ? `${words.join(", ")}.` : "Prokip has no such product.";
}

function steps(path, plan, refresh) {
  const todo = (plan.counts.create ?? 0) + (plan.counts.update ?? 0);
  const done = plan.counts.done ?? 0;
  const start = asking("Start", path, "start", plan, refresh, {
    title: `Make or change ${count(todo, "product")} in the store?`,
    body: ["It goes on in the background, also when you close this page. It can be set back afterwards."],
    confirmLabel: `Make or change ${count(todo, "product")}`,
    style: "primary",
  });
  const undo = asking("Set back", path, "undo", plan, refresh, {
    title: `Set ${count(done, "product")} back?`,
    body: ["What was made becomes a draft; prices become what they were, but for those that somebody changed since."],
    confirmLabel: `Set ${count(done, "product")} back`,
  });
  const plain = (label, step) => asking(label, path, step, plan, refresh, null);
  const offers = {
    reading: [plain("Discard", "discard")],
    ready: [todo > 0 && start, plain("Discard", "discard")],
    running: [plain("Stop", "stop")],
    undoing: [plain("Stop", "stop")],
    stopped: [todo > 0 && start, done > 0 && undo],
    done: [done > 0 && undo],
  }[plan.state];
  return offers ? h.div({ class: "buttons" }, offers) : null;
}

function asking(label, path, step, plan, refresh, question) {
  return action(label, {
    key: `${step}-${plan.id}-${plan.state}`,
    run: async () => {
      const run = async () => toast(`${(await post(`${path}/${step}`)).message}.`);
      if (question === null) await run();
      else if (!(await confirmDialog({ ...question, run }))) return;
      await refresh();
    },
  });
}

function itemTable(items, plan, path, refresh) {
  return table({
    caption: "Products of Prokip",
    rows: items,
    columns: [
      { label: "Product", kind: "main", cell: ({ name }) => name || h.span({ class: "muted" }, "no name") },
      { label: "Variations", kind: "wide", cell: ({ variations }) => variations.map(variationLine) },
      { label: "Image", cell: ({ imageUrl }) => (imageUrl ? "yes" : "–") },
      { label: "To do", kind: "wide", cell: (item) => [h.span(ACTIONS[item.action]), reason(item.why)] },
      { label: "State", kind: "wide", cell: ({ state, result }) => [badge(state, STATES[state].toLowerCase()), reason(result)] },
      plan.state === "ready" && { label: "Choose", kind: "wide bare", cell: (item) => choose(item, path, refresh) },
    ].filter(Boolean),
  });
}

const variationLine = ({ sku, name, price }) =>
  h.div([sku ?? "no SKU", name, price ?? "no price"].filter(Boolean).join(" · "));

function choose(item, path, refresh) {
  const address = `${path}/items/${item.id}/choose`;
  return h.div(
    { class: "buttons" },
    action("Choose", {
      key: `choose-${item.id}`,
      run: async () => {
        const priced = item.variations.filter(({ sku }) => sku !== null);
        const done = await confirmDialog({
          title: `Prices and image of ${item.name}`,
          body: ["What you leave empty stays as Prokip says."],
          fields: [
            priced.map(({ sku, price }) =>
              field(`price-${sku}`, `Price of ${sku}`, { inputmode: "decimal", placeholder: price ?? "" }),
            ),
            field("imageUrl", "Address of an image", { type: "url", placeholder: item.imageUrl ?? "https://" }),
          ],
          confirmLabel: "Use these",
          style: "primary",
          run: (values) => note(address, chosen(priced, values)),
        });
        if (done) await refresh();
      },
    }),
    item.action !== "leave" &&
      action("Leave it", {
        key: `leave-${item.id}`,
        run: async () => {
          await note(address, { leave: true });
          await refresh();
        },
      }),
  );
}

function chosen(priced, values) {
  const prices = priced.map(({ sku }) => [sku, values[`price-${sku}`].trim()]).filter(([, price]) => price !== "");
  return { prices: Object.fromEntries(prices), imageUrl: values.imageUrl.trim() || null };
}

async function note(address, body) {
  const { why } = await post(address, body);
  toast(`Noted: ${why}.`);
}
