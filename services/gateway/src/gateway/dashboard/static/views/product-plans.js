import { get, post, withQuery } from "../api.js";
import { badge } from "../components/badge.js";
import { form } from "../components/form.js";
import { empty } from "../components/notices.js";
import { pages, table } from "../components/table.js";
import { time } from "../components/times.js";
import { h } from "../dom.js";
import { quantity } from "../format.js";
import { navigate } from "../router.js";

/** Making and changing a store's products from Prokip's: the plans, and a new one. */
export const productPlans = {
  title: "Products from Prokip",
  async render({ params, query, signal }) {
    const path = `/api/v1/connections/${encodeURIComponent(params.id)}`;
    const [connection, plans] = await Promise.all([
      get(path, { signal }),
      get(withQuery("/api/v1/product-plans", { connectionId: params.id, cursor: query.cursor }), { signal }),
    ]);
    return h.div(
      { class: "stack" },
      h.p({ class: "back" }, h.a({ href: `/dashboard/stores/${connection.id}` }, connection.storeName)),
      h.h1("Products from Prokip"),
      h.p(
        { class: "muted" },
        "A plan says what would be made or changed in the store, product by product, and why. ",
        "Nothing is done before you start it. Quantities are written by themselves afterwards.",
      ),
      newPlan(path, connection.id),
      h.h2("Plans"),
      plans.items.length ? planTable(plans.items) : empty("No plan was made for this store yet."),
      pages(plans.next, query.cursor),
    );
  },
};

const tick = (name, label, hint, checked = false) =>
  h.div(
    { class: "field" },
    h.label(h.input({ type: "checkbox", name, value: "yes", checked }), " ", label),
    h.p({ class: "hint" }, hint),
  );

function newPlan(path, id) {
  return form(
    {
      key: `new-plan-${id}`,
      submitLabel: "Make a plan",
      submit: async ({ create, update, publish }) => {
        const wishes = { create: create === "yes", update: update === "yes", publish: publish === "yes" };
        const plan = await post(`${path}/product-plans`, wishes);
        await navigate(`/dashboard/product-plans/${plan.id}`);
      },
    },
    tick("create", "Make products that the store does not have", "With Prokip's names, prices, images and variations.", true),
    tick("update", "Write Prokip's prices", "Over those of products that the store has."),
    tick("publish", "Show new products to shoppers at once", "Otherwise they are drafts that only you see."),
  );
}

function planTable(items) {
  return table({
    caption: "Plans, newest first",
    rows: items,
    columns: [
      {
        label: "Plan",
        kind: "main",
        cell: ({ id, createdAt }) => h.a({ href: `/dashboard/product-plans/${id}` }, time(createdAt)),
      },
      { label: "State", cell: ({ state }) => badge(state) },
      {
        label: "Products",
        kind: "wide",
        cell: ({ counts }) =>
          Object.entries(counts)
            .map(([name, number]) => `${quantity(number)} ${name}`)
            .join(", "),
      },
    ],
  });
}
