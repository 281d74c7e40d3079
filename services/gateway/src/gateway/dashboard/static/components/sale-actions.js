// What an operator can say about a sale that Prokip did not simply take.

import { post } from "../api.js";
import { h } from "../dom.js";
import { action } from "./action.js";
import { confirmDialog } from "./dialog.js";
import { field } from "./form.js";
import { toast } from "./notices.js";

export function saleActions(sale, refresh) {
  const offers = { in_doubt: inDoubt, refused, return_unsupported: returned }[sale.state];
  return offers ? h.div({ class: "buttons" }, offers(sale, `/api/v1/prokip/sales/${sale.id}`, refresh)) : null;
}

const nameOf = ({ orderNumber, orderRef }) => `order ${orderNumber || orderRef}`;

/** A sale whose answer was lost is never sent again by itself: it might be sold twice. */
function inDoubt(sale, path, refresh) {
  const postingId = sale.doubtPostingId; // what was looked up, whatever is in doubt by the time of the answer
  const settle = (text) => async (body) => {
    await post(`${path}/settle`, body);
    toast(text);
  };
  return [
    asking("It is in Prokip", sale, refresh, {
      title: `Is ${nameOf(sale)} in Prokip?`,
      body: ["Look it up in Prokip first. It is then counted as recorded and not sent again."],
      fields: [field("prokipSellId", "Number of the sale in Prokip", { hint: "You can leave this empty." })],
      confirmLabel: `Yes, ${nameOf(sale)} is recorded`,
      style: "primary",
      run: ({ prokipSellId }) =>
        settle("Noted as recorded.")({ recorded: true, postingId, ...(prokipSellId && { prokipSellId }) }),
    }),
    asking("It is not", sale, refresh, {
      title: `Send ${nameOf(sale)} again?`,
      body: ["Only if you looked it up and it is not in Prokip: otherwise it would be sold twice there."],
      confirmLabel: `Send ${nameOf(sale)} again`,
      run: () => settle("It is sent again.")({ recorded: false, postingId }),
    }),
  ];
}

function refused(sale, path, refresh) {
  return action("Try again", {
    key: `retry-${sale.id}`,
    run: async () => {
      await post(`${path}/retry`);
      toast(`${nameOf(sale)} is sent again.`);
      await refresh();
    },
  });
}

function returned(sale, path, refresh) {
  return asking("Entered by hand", sale, refresh, {
    title: `Is the return of ${nameOf(sale)} entered in Prokip?`,
    body: [
      "This Prokip takes no returns over its API, so somebody has to type it in there. Say yes once that is done.",
    ],
    confirmLabel: `Yes, the return of ${nameOf(sale)} is entered`,
    style: "primary",
    run: async () => {
      await post(`${path}/returns-entered`, { revision: sale.revision });
      toast("Noted.");
    },
  });
}

function asking(label, sale, refresh, question) {
  return action(label, {
    // A newer state is another question: a button that stands for the old one does not outlive a refresh.
    key: `${label}-${sale.id}-${sale.revision}-${sale.doubtPostingId}`,
    run: async () => {
      if (await confirmDialog(question)) await refresh();
    },
  });
}
