import { get, put } from "../api.js";
import { field, form, secretField } from "../components/form.js";
import { notice, toast } from "../components/notices.js";
import { time } from "../components/times.js";
import { h } from "../dom.js";
import { quantity } from "../format.js";
import { navigate } from "../router.js";

const INTERVAL_DEFAULT_S = 300;

export const prokipSettings = {
  title: "Prokip",
  refreshOn: ["sale.recorded", "sync.completed", "connection.changed", "prokip.held"],
  async render({ signal, refresh }) {
    const settings = await get("/api/v1/prokip", { signal });
    return h.div(
      { class: "stack narrow" },
      h.h1("Prokip"),
      settings.configured
        ? reading(settings.state)
        : h.p("Prokip holds the one true stock. Say where it is and which location your stores sell from."),
      h.h2(settings.configured ? "Settings" : "Set up Prokip"),
      settingsForm(settings, refresh),
    );
  },
};

function reading(state) {
  if (!state) return notice("warn", h.p("The poller does not answer right now, so how reading goes cannot be told."));
  return h.section(
    { class: "stack", "aria-label": "How reading goes" },
    state.lastError && notice("bad", h.p(state.lastError)),
    h.dl(
      { class: "facts" },
      h.div(h.dt("Last read"), h.dd(time(state.lastReadAt))),
      h.div(h.dt("Next read"), h.dd(time(state.nextReadAt, { missing: "–" }))),
      h.div(
        h.dt("SKUs"),
        h.dd(quantity(state.skus), state.firstReadComplete === false && " (the first read is still going on)"),
      ),
      h.div(h.dt("Sales in doubt"), h.dd(saleLink(state.salesInDoubt, "in_doubt"))),
      h.div(h.dt("Sales refused"), h.dd(saleLink(state.salesRefused, "refused"))),
      h.div(h.dt("Reads held"), h.dd(h.a({ href: "/dashboard/prokip/reads" }, quantity(state.heldReads)))),
      Object.entries(state.leftAlone ?? {}).map(([reason, skus]) =>
        h.div(h.dt("Left alone"), h.dd(`${quantity(skus)}: ${reason}`)),
      ),
    ),
    h.p(h.a({ href: "/dashboard/prokip/reads" }, "What the reads have changed")),
  );
}

const saleLink = (number, state) =>
  number > 0 ? h.a({ href: `/dashboard/sales?show=prokip&state=${state}` }, quantity(number)) : quantity(number);

function settingsForm(settings, refresh) {
  const { configured } = settings;
  return form(
    {
      key: `prokip-${settings.configuredAt}`,
      submitLabel: configured ? "Save" : "Check and save",
      submit: async ({ apiUrl, locationId, token, intervalS }) => {
        await put("/api/v1/prokip", { apiUrl, locationId, intervalS: Number(intervalS), ...(token && { token }) });
        toast(configured ? "Saved." : "Prokip is set up.");
        await (configured ? refresh() : navigate("/dashboard/"));
      },
    },
    field("apiUrl", "Address of the API", {
      required: true,
      type: "url",
      inputmode: "url",
      value: settings.apiUrl ?? "",
      placeholder: "https://api.prokip.africa",
    }),
    field("locationId", "Business location", {
      required: true,
      value: settings.locationId ?? "",
      placeholder: "LOC001",
    }),
    secretField("token", "API token", {
      required: !configured,
      hint: configured
        ? "One is stored. Leave this empty to keep it; a new address needs it again."
        : "It is stored encrypted.",
    }),
    field("intervalS", "Seconds between two reads", {
      required: true,
      type: "number",
      min: "1",
      inputmode: "numeric",
      value: settings.intervalS ?? INTERVAL_DEFAULT_S,
    }),
  );
}
