// What an operator can say about a read that would change too much, or has changed something.

import { post } from "../api.js";
import { h } from "../dom.js";
import { quantity } from "../format.js";
import { action } from "./action.js";
import { confirmDialog } from "./dialog.js";
import { toast } from "./notices.js";

export function readActions(read, refresh) {
  const offers = { held, applied: undoable, released: undoable, refused: decided, undone: decided }[read.state];
  const buttons = offers?.(read, refresh).filter(Boolean) ?? [];
  return buttons.length > 0 ? h.div({ class: "buttons" }, buttons) : null;
}

const skus = (number) => `${quantity(number)} ${number === 1 ? "SKU" : "SKUs"}`;

function held(read, refresh) {
  return [
    asking("Release", read, refresh, {
      decision: "release",
      title: "Tell the stores what Prokip says?",
      body: [read.sentence, "Only if this is true: the stores will show it at once. It can be undone."],
      confirmLabel: `Change ${skus(read.changedSkus)}`,
    }),
    asking("Refuse", read, refresh, {
      decision: "refuse",
      title: "Leave the stores as they are?",
      body: ["These quantities are not told, and you are not asked again, until Prokip shows other ones for a SKU."],
      confirmLabel: "Do not tell the stores",
      style: "primary",
    }),
  ];
}

function undoable(read, refresh) {
  return [
    read.changedSkus > 0 &&
      asking("Undo", read, refresh, {
        decision: "undo",
        title: `Undo what this read changed in ${skus(read.changedSkus)}?`,
        body: [
          "The stores are told again what was there before, less what was sold since. SKUs that a later read has changed stay.",
        ],
        confirmLabel: "Undo this read",
      }),
  ];
}

function decided(read, refresh) {
  return [
    read.heldBackSkus > 0 &&
      asking("Take this back", read, refresh, {
        decision: "reconsider",
        title: `Look again at ${skus(read.heldBackSkus)}?`,
        body: ["Prokip is read again as if nothing had been said. What would change too much is held again."],
        confirmLabel: "Read Prokip again",
        style: "primary",
      }),
  ];
}

function asking(label, read, refresh, { decision, ...question }) {
  return action(label, {
    key: `${decision}-${read.id}-${read.state}`,
    run: async () => {
      const run = async () => {
        const { message } = await post(`/api/v1/prokip/reads/${read.id}/${decision}`);
        toast(`${message}.`);
      };
      if (await confirmDialog({ ...question, run })) await refresh();
    },
  });
}
