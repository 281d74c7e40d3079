// What an operator can say about a quantity in a store that nothing explains.

import { post } from "../api.js";
import { h } from "../dom.js";
import { quantity } from "../format.js";
import { action } from "./action.js";
import { confirmDialog } from "./dialog.js";
import { toast } from "./notices.js";

export function differenceActions(difference, refresh) {
  const { state, sku, shown, target } = difference;
  if (state !== "open" && state !== "left") return null;
  return h.div(
    { class: "buttons" },
    asking("Write Prokip's number", difference, refresh, {
      decision: "push",
      title: `Write ${quantity(target)} over ${quantity(shown)}?`,
      body: [`The store shows ${quantity(shown)} of ${sku}. What Prokip says is written over it.`],
      confirmLabel: `Write ${quantity(target)}`,
    }),
    state === "open" &&
      asking("Leave", difference, refresh, {
        decision: "leave",
        title: `Leave ${sku} as the store shows it?`,
        body: [
          "Nothing is written to this item until its difference goes away or you write Prokip's number after all.",
          "What other stores sell meanwhile is not taken off here: the store may sell what is gone.",
        ],
        confirmLabel: "Leave it alone",
        style: "primary",
      }),
  );
}

function asking(label, difference, refresh, { decision, ...question }) {
  return action(label, {
    key: `${decision}-${difference.id}-${difference.state}`,
    run: async () => {
      const run = async () => {
        const { message } = await post(`/api/v1/differences/${difference.id}/${decision}`);
        toast(`${message}.`);
      };
      if (await confirmDialog({ ...question, run })) await refresh();
    },
  });
}
