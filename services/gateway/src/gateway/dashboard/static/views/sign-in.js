import { post } from "../api.js";
import { field, form, secretField } from "../components/form.js";
import { signInForm } from "../components/sign-in-form.js";
import { h } from "../dom.js";
import { signIn as openSession } from "../session.js";

export const signIn = {
  title: "Sign in",
  render({ query }) {
    const proceed = () => location.assign(ownAddress(query.next));
    const creating = query.new === "1";
    const other = new URLSearchParams({ ...(query.next && { next: query.next }), ...(!creating && { new: "1" }) });
    return h.div(
      { class: "sign-in stack" },
      h.p(
        { class: "brand" },
        h.img({ src: "/dashboard/assets/icon.svg", alt: "", width: "28", height: "28" }),
        "prokip-sync",
      ),
      h.h1(creating ? "Create an account" : "Sign in"),
      h.p({ class: "muted" }, "Every store shows what Prokip holds."),
      creating ? registerForm(proceed) : signInForm(proceed),
      h.p(
        creating ? "You have an account already? " : "No account yet? ",
        h.a({ href: `/dashboard/sign-in?${other}` }, creating ? "Sign in" : "Create one"),
        ".",
      ),
    );
  },
};

function registerForm(proceed) {
  return form(
    {
      key: "register",
      submitLabel: "Create the account",
      submit: async ({ username, password, businessName }) => {
        await post(
          "/auth/register",
          { username, password, ...(businessName && { businessName }) },
          { anonymous: true },
        );
        await openSession(username, password);
        proceed();
      },
    },
    field("businessName", "Business", {
      hint: "What you call it; you can leave this empty.",
      autocomplete: "organization",
    }),
    field("username", "User name", { required: true, autocomplete: "username", autocapitalize: "off" }),
    secretField("password", "Password", {
      required: true,
      autocomplete: "new-password",
      hint: "A long sentence is better than a short riddle.",
    }),
  );
}

/** Only pages of ours: an address from the link that led here could point anywhere. */
function ownAddress(next) {
  const address = new URL(next ?? "", `${location.origin}/dashboard/`);
  const ours = address.origin === location.origin && address.pathname.startsWith("/dashboard/");
  return ours && address.pathname !== "/dashboard/sign-in" ? address.pathname + address.search : "/dashboard/";
}
