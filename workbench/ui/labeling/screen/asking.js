/* How the two screens ask the server, and why it did not do what it was asked. Read after `t`, which says a text in the reader's language. */

/* Gradio's own caller hides why a call was refused; this one tells: `status` (0 where nobody answered), `told` where the server refused in a sentence of its own, `cause` in the reader's words. */
async function callOf(screen, name, payload) {
  const config = window.gradio_config;
  const mine = config && config.components.find((one) => one.props && one.props.elem_id === screen);
  if (!mine) return server[name](payload);
  const body = JSON.stringify({ data: payload, component_id: mine.id, fn_name: name, session_hash: "labeling" });
  let response, answer = null;
  try { response = await fetch(`${config.root}${config.api_prefix}/component_server/`, { method: "POST", headers: { "Content-Type": "application/json" }, body }); } catch (error) { throw refusal(0, ""); }
  try { answer = await response.json(); } catch (error) { if (response.ok) throw refusal(502, ""); } // a proxy's own page
  if (!response.ok) throw refusal(response.status, answer && answer.detail);
  if (answer === null || answer === undefined) throw refusal(500, "");
  return answer;
}

function refusal(status, detail) {
  const sentence = typeof detail === "string" ? detail : "", error = new Error(sentence);
  error.status = status;
  error.told = Boolean(sentence) && (status === 400 || status === 403);
  error.cause = error.told ? t(sentence) : causeOf(status);
  return error;
}

function causeOf(status) {
  if (!status) return t("The server cannot be reached.");
  if (status === 401) return t("You are not signed in any more: reload this page and sign in again.");
  if (status === 403) return t("The server refuses this page: open it anew by the link you were given.");
  if (status === 404) return t("This page does not fit the server any more: reload it.");
  if (status === 413) return t("That is more than the server takes at once.");
  if ([408, 425, 429, 502, 503, 504].includes(status)) return t("The server is busy or just being restarted.");
  return t("The server made a mistake (error {n}).", { n: status });
}
