(() => {
  // The page in the reader's language. Everything is written in English; what is shown is looked up here, whole sentences
  // at a time, as it comes onto the page and before it is painted. The English of each text is kept, so that the language
  // can be changed at any time. What a person typed or brought (a group's name, a study's title, a file's name), and what
  // a language lacks, stays as it is, also where it reads like a text of the page.
  const NAMES = __NAMES__, FILES = __FILES__;
  const INLINE = new Set('A B STRONG I EM CODE U SMALL SUP SUB'.split(' '));
  // `given`: a person's own words; `given-2`: those in the third column of a table.
  const OWN = ['.given', 'td.filename', '.given-choices [role=option]:not(:first-child)', '.given-heads [role=columnheader]', ...[...Array(10).keys()].map(column => `.given-${column} [data-col="${column}"]`)];
  const UNREAD = ['script, style, svg, template, textarea, [translate=no], #labeling-judge', ...OWN].join(', ');
  const ATTRIBUTES = ['placeholder', 'aria-label', 'title', 'alt'];
  const here = document.currentScript ? document.currentScript.src : document.baseURI;
  let language = 'en', exact = {}, patterns = [], known = new Map();

  // ---- which language: the address says it, else what was chosen here before, else what the browser prefers
  const kept = () => { try { return localStorage.getItem('page:language'); } catch { return ''; } };
  const preferred = () => [new URLSearchParams(location.search).get('lang'), kept(), ...(navigator.languages || [])]
    .map(name => String(name || '').toLowerCase().split('-')[0]).find(name => Object.hasOwn(NAMES, name)) || 'en';

  // ---- what a text is in it
  const FIGURE = String.raw`([−+~±≈-]?\d[\d.,:×/]*(?:\s?(?:%|°|px|[kMG]?B))?)`;
  const KEPT = /^given/;  // a person's own words: not looked up themselves
  const escaped = text => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const pattern = ([english, theirs]) => {
    const names = [...english.matchAll(/\{(\w+)\}/g)].map(found => found[1]);
    const pieces = english.split(/\{\w+\}/), letters = pieces.join('').replace(/<[^>]*>|\P{L}/gu, '').length;
    const source = pieces.slice(1).reduce((text, piece, place) =>
      text + (/^(n\d?|size)$/.test(names[place]) ? FIGURE : '(.+?)') + escaped(piece), escaped(pieces[0]));
    const loose = !names.some(name => /^n\d?$/.test(name)) && letters < 4;  // would fit any text: only within another
    return {names, theirs, letters, loose, fits: new RegExp(`^${source}$`, 's')};
  };
  const filled = ({names, theirs}, values, depth) =>
    theirs.replace(/\{(\w+)\}/g, (_, name) => { const value = values[names.indexOf(name)]; return KEPT.test(name) ? value : look(value, depth + 1) ?? value; });
  // Several names in one text: each is looked up, where every one is known or has no words.
  const joined = (text, mark, every, depth) => {
    const pieces = text.split(mark);
    if (pieces.length < 2) return undefined;
    const theirs = pieces.map(piece => /\p{L}{2}/u.test(piece) ? look(piece, depth + 1) : piece);
    if (every ? theirs.includes(undefined) : theirs.every((each, place) => each === undefined || each === pieces[place])) return undefined;
    return theirs.map((each, place) => each ?? pieces[place]).join(mark);
  };
  const look = (text, depth = 0) => {
    if (!/\p{L}{2}/u.test(text) && !/\d/.test(text)) return undefined;
    const [, before, core, after] = /^([^\p{L}\p{N}_(“"'<[−+-]*)(.*?)((?:\s*·)?\s*)$/su.exec(text);
    if (Object.hasOwn(exact, core)) return before + exact[core] + after;
    if (depth > 3) return undefined;
    for (const each of patterns) {
      const found = (depth || !each.loose) && each.fits.exec(core);
      if (found) return before + filled(each, found.slice(1), depth) + after;
    }
    const theirs = joined(core, ' · ', false, depth) ?? joined(core, ', ', true, depth) ?? joined(core, ': ', true, depth);
    return theirs === undefined ? undefined : before + theirs + after;
  };
  const say = english => {
    if (language === 'en' || !english) return english;
    const [, before, text, after] = /^(\s*)(.*?)(\s*)$/s.exec(english), clean = text.replace(/\s+/g, ' ');
    if (!known.has(clean)) {
      if (known.size > 5000) known.clear();
      known.set(clean, look(clean) ?? text);
    }
    return before + known.get(clean) + after;
  };
  // In a caption that begins with a file's name, that name stays.
  const sayAt = (text, element) => {
    if (!element.closest('.given-names :is(.caption-label, .caption, img)')) return say(text);
    const [, name, rest] = /^(.*?(?: · |: |$))(.*)$/s.exec(text);
    return name + say(rest);
  };

  // ---- texts of the page: what stands between two blocks is one text, with what is bold or linked in it
  const marks = new WeakMap();  // text → {english, shown}; element → the same of each attribute
  const english = text => {
    const mark = marks.get(text);
    return mark && mark.shown === text.data ? mark.english : text.data;
  };
  const show = (text, words, original) => {
    marks.set(text, {english: original, shown: words});
    if (text.data !== words) text.data = words;
  };
  const unread = element => Boolean(element.closest(UNREAD));
  const inline = node => node.nodeType === Node.ELEMENT_NODE && INLINE.has(node.tagName) && !node.matches(UNREAD) && [...node.childNodes].every(loose);
  const loose = node => node.nodeType !== Node.ELEMENT_NODE || inline(node);
  const tag = (element, close = '') => `<${close}${element.tagName.toLowerCase()}>`;
  // The pieces of a run: tags, and between them the text nodes that make one text.
  const cut = (nodes, pieces = [[]]) => {
    for (const node of nodes) {
      if (node.nodeType === Node.TEXT_NODE) pieces[pieces.length - 1].push(node);
      if (node.nodeType !== Node.ELEMENT_NODE) continue;
      pieces.push(node, []);
      cut(node.childNodes, pieces);
      pieces.push(node, []);
    }
    return pieces;
  };
  const written = (texts, words) => {
    const whole = texts.map(english);
    texts.forEach((text, place) => show(text, place ? '' : words, whole[place]));
  };
  const run = nodes => {
    const pieces = cut(nodes), open = new Set();
    const texts = pieces.filter((_, place) => place % 2 === 0).map(list => list.map(english).join(''));
    const wordy = texts.filter(text => text.trim()).length;
    if (!wordy) return;
    if (wordy === 1) {
      const place = texts.findIndex(text => text.trim());
      return put(pieces[2 * place], texts[place], sayAt(texts[place], nodes[0].parentElement));
    }
    const tags = pieces.filter((_, place) => place % 2).map(each => open.has(each) ? tag(each, '/') : (open.add(each), tag(each)));
    const whole = texts.map((text, place) => text + (tags[place] || '')).join('');
    const words = say(whole), theirs = words.split(/(<\/?(?:a|b|strong|i|em|code|u|small|sup|sub)>)/);
    const same = words !== whole && tags.every((each, place) => theirs[2 * place + 1] === each);
    // A sentence that is not known whole: its pieces, each for itself.
    texts.forEach((text, place) => put(pieces[2 * place], text, same ? theirs[2 * place] : say(text), pieces, 2 * place));
  };
  const put = (list, original, words, pieces, place) => {
    if (original === words) return list.forEach(text => { if (marks.has(text)) show(text, english(text), english(text)); });
    if (!list.length && words) {  // a text where English has none
      const text = document.createTextNode(''), before = pieces[place - 1], after = pieces[place + 1];
      if (after && !before) after.before(text); else if (before && before.contains(after || null)) before.prepend(text);
      else if (before) before.after(text);
      list.push(text);
    }
    written(list, words);
  };
  const attributes = element => {
    for (const name of ATTRIBUTES) {
      const now = element.getAttribute(name);
      if (!now) continue;
      const mark = marks.get(element) || {}, original = mark[name] && mark[name].shown === now ? mark[name].english : now;
      const words = sayAt(original, element);
      marks.set(element, {...mark, [name]: {english: original, shown: words}});
      if (words !== now) element.setAttribute(name, words);
    }
  };
  const runs = element => {
    let nodes = [];
    for (const node of element.childNodes) {
      if (loose(node)) { nodes.push(node); continue; }
      run(nodes);
      nodes = [];
    }
    run(nodes);
  };
  const block = node => {
    let element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
    while (element && INLINE.has(element.tagName) && element.parentElement) element = element.parentElement;
    return element;
  };
  const deep = root => {
    if (unread(root)) return;
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT, node => node.matches(UNREAD) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
    for (let element = root; element; element = walker.nextNode()) {
      attributes(element);
      if (!INLINE.has(element.tagName) || !inline(element)) runs(element);
    }
  };

  // ---- what a menu shows as chosen is a field's value, which stays English: the words lie over it
  const menus = () => {
    const select = document.getElementById('page-language');
    if (select && select.value !== language) select.value = language;
    for (const field of document.querySelectorAll('input[role=combobox]')) {
      const words = language === 'en' || field.closest('.given-choices') && field.value !== 'All' ? field.value : say(field.value), over = field.parentElement;
      if (words === field.value) delete over.dataset.words; else if (over.dataset.words !== words) over.dataset.words = words;
    }
  };
  let due = false;
  const later = () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => { due = false; menus(); });
  };

  // ---- as the page changes
  const watcher = new MutationObserver(changes => {
    const shallow = new Set(), whole = new Set();
    for (const {type, target, addedNodes} of changes) {
      if (!target.isConnected) continue;
      if (type === 'attributes') { if (!unread(target)) attributes(target); continue; }
      shallow.add(block(target));
      for (const node of addedNodes) if (node.nodeType === Node.ELEMENT_NODE && node.isConnected) whole.add(node);
    }
    for (const element of shallow) if (element && !unread(element)) runs(element);
    for (const element of whole) deep(element);
    watcher.takeRecords();
    later();
  });
  const mark = () => {
    const root = document.documentElement, dir = language === 'ar' ? 'rtl' : 'ltr';
    if (root.lang !== language) root.lang = language;
    if (root.dir !== dir) root.dir = dir;
    const told = {'--drawn': 'AI-generated', '--unshown': 'This browser cannot show the file.'};  // said by page.css
    for (const [name, english] of Object.entries(told)) root.style.setProperty(name, JSON.stringify(say(english)));
  };
  const turn = () => {
    known = new Map();
    mark();
    deep(document.body);
    menus();
    watcher.disconnect();
    if (language !== 'en') watcher.observe(document.body, {childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ATTRIBUTES});
    document.dispatchEvent(new CustomEvent('language'));
  };
  const ready = new Promise(done => {
    if (document.body) done(); else document.addEventListener('DOMContentLoaded', done, {once: true});
  });
  new MutationObserver(mark).observe(document.documentElement, {attributeFilter: ['lang', 'dir']});  // Gradio says its own
  const sent = async file => {
    const answer = await fetch(new URL(file, here));
    if (!answer.ok) throw new Error(`no ${file}`);
    return answer.json();
  };
  let asked = 0;
  const speak = async name => {
    const ticket = ++asked;
    let theirs = {};
    try {
      if (name !== 'en') theirs = await sent(FILES[name]);
    } catch { name = 'en'; }  // no connection, or a newer server has other files: the page stays English
    await ready;
    if (ticket !== asked) return;
    [language, exact] = [name, theirs];
    patterns = Object.entries(theirs).filter(([english]) => /\{\w+\}/.test(english)).map(pattern).sort((one, other) => other.letters - one.letters);
    turn();
  };

  window.words = {
    say,
    // What stands in an element, in English.
    english: element => {
      const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
      let text = '';
      while (walker.nextNode()) text += english(walker.currentNode);
      return text;
    },
  };
  // Gradio's own words come in English too, and go through here as ours do.
  try { Object.defineProperty(navigator, 'language', {get: () => 'en', configurable: true}); } catch { /* they follow the browser */ }
  const first = preferred();
  if (first !== 'en') speak(first);
  document.addEventListener('change', event => {
    if (event.target.id !== 'page-language') return;
    const name = event.target.value, url = new URL(location);
    try { localStorage.setItem('page:language', name); } catch { /* asked again next time */ }
    if (url.searchParams.has('lang')) {  // the address says what is shown
      url.searchParams.set('lang', name);
      history.replaceState(history.state, '', url);
    }
    speak(name);
  });
  for (const kind of ['input', 'focusin', 'focusout']) document.addEventListener(kind, () => { if (language !== 'en') later(); });
})();
