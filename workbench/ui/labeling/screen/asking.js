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
  error.cause = error.told ? t(sentence) : causeOf(status, t);
  return error;
}
