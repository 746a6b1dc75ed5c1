/* What this browser keeps of a study until the data set has it. Every vote and every receipt lies under a name of its own, so that two tabs of one rater never overwrite each other. Where storage is blocked (a frame of another site, private mode) or full, things are kept in memory and `lasting` is false. */
function openBox(name) {
  const prefix = `labeling:${name}:`, memory = new Map();
  let shelf = null;
  try { localStorage.setItem(`${prefix}test`, "1"); localStorage.removeItem(`${prefix}test`); shelf = localStorage; } catch (error) { shelf = null; }
  const box = { lasting: shelf !== null, prefix };
  const get = (key) => { if (memory.has(key)) return memory.get(key); try { return shelf ? shelf.getItem(prefix + key) : null; } catch (error) { return null; } };
  const drop = (key) => { memory.delete(key); try { if (shelf) shelf.removeItem(prefix + key); } catch (error) { /* it was never there */ } };
  const set = (key, text) => {
    try { if (shelf) { shelf.setItem(prefix + key, text); memory.delete(key); return; } } catch (error) { box.lasting = false; }
    memory.set(key, text);
  };
  const ids = (kind) => {
    const found = new Set([...memory.keys()]);
    try { for (let n = 0; shelf && n < shelf.length; n += 1) { const key = shelf.key(n); if (key.startsWith(prefix)) found.add(key.slice(prefix.length)); } } catch (error) { /* what is in memory is all there is */ }
    return [...found].filter((key) => key.startsWith(`${kind}:`)).map((key) => key.slice(kind.length + 1));
  };
  const read = (key) => { try { return JSON.parse(get(key) || "null"); } catch (error) { return null; } };

  box.me = () => read("me") || { rater: "", entry: "" };
  box.enter = (rater, entry) => set("me", JSON.stringify({ rater, entry }));
  box.boot = () => get("boot") || "";
  box.setBoot = (boot) => { if (boot !== box.boot()) set("boot", boot); };
  box.keys = () => read("keys") || {};
  box.setKeys = (keys) => set("keys", JSON.stringify(keys));
  box.votes = () => ids("vote").map((id) => read(`vote:${id}`)).filter(Boolean).sort((one, two) => one.at - two.at);
  box.vote = (id) => read(`vote:${id}`);
  box.addVote = (vote) => set(`vote:${vote.id}`, JSON.stringify(vote));
  box.dropVote = (id) => drop(`vote:${id}`);
  box.receiptIds = () => ids("receipt");
  box.receipt = (id) => get(`receipt:${id}`);
  box.addReceipt = (id, receipt) => set(`receipt:${id}`, receipt);
  box.dropReceipt = (id) => drop(`receipt:${id}`);
  box.left = () => read("left");
  box.setLeft = (left) => { if (left) set("left", JSON.stringify(left)); else drop("left"); };
  box.empty = () => { ids("vote").forEach(box.dropVote); ids("receipt").forEach(box.dropReceipt); drop("me"); drop("boot"); };
  return box;
}
