(() => {
  // People who hear the page are told of a result once, by one region that is there from the start: how its line stands,
  // and what was found. (A region that comes with its words is not read by every reader, and one that a run writes into
  // would be read at every step.) What failed says so itself, as an alert.
  const LONG = 240;  // characters
  const PAUSE = 10000, AWHILE = 2000;  // milliseconds: between two words on how far a run has come; until a line is
  // said that waits for what was found
  const short = text => {
    const lines = text.split('\n').filter(row => !row.includes('\t'));  // without tables
    const read = lines.join(' ').trim().replace(/\s+/g, ' ');
    const plain = read.replace(/^[^\p{L}]*(\p{L}[\p{L} ]*?) \1:/u, '$1:');  // a head that the sentence says again
    if (plain.length <= LONG) return plain;
    const end = plain.lastIndexOf('. ', LONG);
    return end > 40 ? plain.slice(0, end + 1) : `${plain.slice(0, plain.lastIndexOf(' ', LONG))} …`;
  };

  // What a result says in words, "" where it says nothing (yet): its verdict, else the words beside it.
  const telling = stem => ['verdict', 'words', 'score'].map(part => document.getElementById(`${stem}-${part}`)).filter(Boolean);
  window.resultOf = line => line.closest('[id$="-state"]').id.replace(/-state$/, '');
  window.found = stem => {
    for (const words of telling(stem)) {
      const text = words.offsetParent !== null ? short(words.innerText) : '';
      if (text) return text;
    }
    return '';
  };

  const spoken = line => {
    const copy = line.cloneNode(true);
    for (const part of copy.querySelectorAll('[aria-hidden=true], button')) part.remove();
    return copy.textContent.trim().replace(/^[\s·✓]+|[\s·]+$/g, '');
  };

  const region = document.createElement('div');
  region.id = 'spoken';
  region.setAttribute('role', 'status');
  const before = {};
  let last = '', since = 0;
  const say = words => {
    if (words) region.textContent = last = words === last ? `${words}\u00a0` : words;  // once more is news, too
  };

  // Gradio reads every step of a run, its start a second time, and at its end a word of its own that is none: it is
  // silent, and how far a run has come is said now and then.
  const progress = () => {
    for (const steps of document.querySelectorAll('.sr-only[role=status]')) {
      steps.removeAttribute('role');
      steps.removeAttribute('aria-live');
      steps.setAttribute('aria-hidden', 'true');
    }
    if (performance.now() - since < PAUSE) return;
    const now = [...document.querySelectorAll('.sr-only[aria-hidden]')].map(steps => steps.textContent.trim());
    const told = now.find(text => text.includes('%'));
    if (told) { since = performance.now(); say(told); }
  };

  // What was found may come a while after the line that says that it was. For a moment the line waits, to be said with
  // it; then it is said alone, and what was found by itself when it comes, however slow the page is.
  const turn = {};
  const finished = (stem, words, mine = turn[stem] = (turn[stem] || 0) + 1, waited = 0) => {
    if (turn[stem] !== mine || before[stem] !== `done${words}`) return;
    const told = window.found(stem);
    if (told) return say(waited > AWHILE ? told : `${words}. ${told}`);
    if (waited === AWHILE || !waited && !telling(stem).length) { say(words); waited = AWHILE; }
    setTimeout(() => finished(stem, words, mine, waited + 200), waited < AWHILE ? 200 : 1000);
  };

  const heard = () => {
    progress();
    for (const line of document.querySelectorAll('.outcome [data-state]')) {
      const state = line.dataset.state, stem = window.resultOf(line);
      if (state === 'old' || line.offsetParent === null) continue;
      const words = spoken(line), known = before[stem];
      before[stem] = state + words;
      if (known === undefined && state === 'empty' || known === before[stem] || state === 'error') continue;
      if (state === 'running') since = performance.now();
      if (state === 'done') finished(stem, words);
      else say(words);
    }
  };

  document.body.append(region);
  let due = false;
  new MutationObserver(() => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => { due = false; heard(); });
  }).observe(document.body, {childList: true, subtree: true});
})()
