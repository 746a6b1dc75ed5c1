/* Why the server did not do what it was asked, by the status of its answer (0: nobody answered). `t` says a text in the reader's language, where the page around does not. */
function causeOf(status, t = (english, values) => english.replace("{n}", values ? values.n : "")) {
  if (!status) return t("The server cannot be reached.");
  if (status === 401) return t("You are not signed in any more: reload this page and sign in again.");
  if (status === 403) return t("The server refuses this page: open it anew by the link you were given.");
  if (status === 404) return t("This page does not fit the server any more: reload it.");
  if (status === 413) return t("That is more than the server takes at once.");
  if ([408, 425, 429, 502, 503, 504].includes(status)) return t("The server is busy or just being restarted.");
  return t("The server made a mistake (error {n}).", { n: status });
}

/* The sentence of this server in an answer; "" where it is a proxy's own page, or Gradio's word for who is not signed in. */
function detailOf(body, status) {
  try {
    const { detail } = JSON.parse(body);
    return typeof detail === "string" && Number(status) !== 401 ? detail : "";
  } catch (error) { return ""; }
}
