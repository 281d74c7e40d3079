// How well a store's webhooks tell of its sales: shares of the changes they should have told, and the trend.

import { get } from "../api.js";
import { h } from "../dom.js";
import { exact, quantity } from "../format.js";

const KINDS = [
  ["missed", "Missed", "A sweep found the change and no webhook told it."],
  ["late", "Late", "Told more than two minutes after the change, or after a sweep had found it."],
  ["duplicates", "Duplicate", "The same state, told again by the same kind of webhook."],
  ["outOfOrder", "Out of order", "An older state, told after a newer one."],
];
const BAR = { width: 8, gap: 2, height: 40 };

/** Resolves to the section of one store; without an answer from the ledger it says so. */
export async function webhookMeter({ id, platform }, signal) {
  const meter = await answered(get(`/api/v1/connections/${id}/webhooks`, { signal }));
  return h.section(
    { class: "stack", "aria-labelledby": "webhooks" },
    h.h2({ id: "webhooks" }, "Webhooks"),
    meter === null ? h.p({ class: "muted" }, "The ledger does not answer right now.") : shares(meter, platform),
  );
}

/** null where a service is away: the rest of the page does without. */
export async function answered(asked) {
  try {
    return await asked;
  } catch (error) {
    if (error.status !== 503 && error.status !== 502) throw error;
    return null;
  }
}

function shares({ day, month, hours, days }, platform) {
  if (month.changes === 0) {
    return h.p({ class: "empty" }, "No order has changed yet. What its webhooks miss is counted from the first one on.");
  }
  return [
    platform === "custom" &&
      h.p({ class: "muted" }, "A custom store lists no orders, so what it does not tell cannot be known."),
    h.table(
      { class: "sum" },
      h.caption(`Of ${quantity(day.changes)} changes in 24 hours and ${quantity(month.changes)} in 30 days`),
      h.thead(h.tr(h.th({ scope: "col" }, ""), column("24 hours"), column("30 days"))),
      h.tbody(
        KINDS.map(([kind, label, meaning]) =>
          h.tr(
            h.th({ scope: "row", title: meaning }, label),
            h.td({ class: "number" }, share(day, kind)),
            h.td({ class: "number" }, share(month, kind)),
          ),
        ),
      ),
    ),
    trend("Missed in each of the last 24 hours", hours),
    trend("Missed in each of the last 30 days", days),
  ];
}

const column = (label) => h.th({ scope: "col", class: "number" }, label);

const share = (counts, kind) => (counts[`${kind}Percent`] === null ? "–" : `${percent(counts, kind)} (${counts[kind]})`);

const percent = (counts, kind) => `${counts[`${kind}Percent`]} %`;

/** A bar for each step; a step in which nothing was missed has none, and each tells its figures on hover. */
function trend(label, steps) {
  const most = Math.max(0, ...steps.map(({ missedPercent }) => missedPercent ?? 0));
  const width = steps.length * (BAR.width + BAR.gap);
  const picture = drawn("svg", { viewBox: `0 0 ${width} ${BAR.height}`, width, height: BAR.height, role: "img" });
  picture.append(drawn("title", {}, label));
  steps.forEach((step, place) => {
    const height = Math.round(((step.missedPercent ?? 0) / Math.max(1, most)) * (BAR.height - 1)) + 1;
    const x = place * (BAR.width + BAR.gap);
    const bar = drawn("rect", { x, y: BAR.height - height, width: BAR.width, height, fill: "currentColor" });
    bar.append(drawn("title", {}, told(step)));
    picture.append(bar);
  });
  return h.figure({ class: "trend" }, picture, h.figcaption({ class: "muted" }, `${label}; the highest is ${most} %`));
}

const told = (step) =>
  `${exact(step.at)}: ` +
  (step.changes ? `${percent(step, "missed")} of ${step.changes} changes` : "nothing changed");

function drawn(tag, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}
