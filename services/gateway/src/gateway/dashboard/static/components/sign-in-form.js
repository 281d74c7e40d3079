// The sign-in form, for its page and for the dialog in front of a page whose session ended.

import { field, form, secretField } from "./form.js";
import { signIn } from "../session.js";

/** `done()` is called when the session cookie is set. `username` is filled in where it is known. */
export function signInForm(done, username = "") {
  return form(
    {
      key: "sign-in",
      submitLabel: "Sign in",
      submit: async (values) => {
        await signIn(values.username, values.password);
        await done();
      },
    },
    field("username", "User name", {
      required: true,
      autocomplete: "username",
      autocapitalize: "off",
      value: username,
    }),
    secretField("password", "Password", { required: true, autocomplete: "current-password" }),
  );
}
