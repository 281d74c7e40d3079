// One quantity as a sum that visibly adds up: what Prokip says, what it was told, what the stores hold as sold.

import { h } from "../dom.js";
import { quantity } from "../format.js";
import { reason } from "./badge.js";

export function sumTable({ available, prokipQuantity, recorded, taken, parts }, nameOf) {
  return h.table(
    { class: "sum" },
    h.caption("How the quantity comes about"),
    h.tbody(
      line("", "Prokip said when it was last read", prokipQuantity),
      line("+", "Sales it had been told of by then, already off its number", recorded),
      line("−", "Sold in the stores, told to Prokip or not", taken),
      parts.map((part) =>
        h.tr(
          { class: "part" },
          h.td(),
          h.th({ scope: "row" }, partName(part, nameOf), reason(part.detail)),
          h.td({ class: "number" }, quantity(part.quantity)),
        ),
      ),
    ),
    h.tfoot(line("=", "Available", available)),
  );
}

const IN_PROKIP = {
  recorded: "told to Prokip",
  due: "not yet told",
  posting: "being told right now",
  in_doubt: "in doubt",
  refused: "refused by Prokip",
  return_unsupported: "its return is to be entered by hand",
};

function partName({ label, connectionId, orderRef, orderNumber, prokipState, bundleUnits, bundleSkus }, nameOf) {
  if (label) return label;
  const bundled = bundleSkus.length ? `, ${quantity(bundleUnits)} of it in ${bundleSkus.join(" and ")}` : "";
  const order = `Order ${orderNumber || orderRef} at ${nameOf(connectionId)}${bundled}`;
  return prokipState in IN_PROKIP ? `${order} (${IN_PROKIP[prokipState]})` : order;
}

const line = (sign, label, value) =>
  h.tr(h.td({ class: "sign" }, sign), h.th({ scope: "row" }, label), h.td({ class: "number" }, quantity(value)));
