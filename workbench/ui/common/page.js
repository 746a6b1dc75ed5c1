(() => {
  // Where one is stands in the address (?tab=…&sub=…, never a photo, never a result), so that a tab can be linked to,
  // Back goes back, and a reload returns. What Gradio's own parts leave out for people who hear the page is put right.
  const TITLES = __TITLES__;
  const NAME = __NAME__;
  const EARLIER = {landmarks: 'analysis'};  // tabs that have another name now
  // Tabs are told by their English names, whatever language the page is in.
  const english = node => window.words ? window.words.english(node) : node.textContent;
  const say = text => window.words ? window.words.say(text) : text;
  const slug = text => text.trim().toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-+|-+$/g, '');
  const tabs = root => [...root.querySelectorAll('button[role=tab]')];
  const top = () => tabs(document).filter(button => stemOf(button));
  const stemOf = button => Object.keys(TITLES).find(stem => english(button).trim().endsWith(TITLES[stem]));
  const panelOf = stem => document.getElementById('tab-' + stem);
  const subsOf = stem => {
    const panel = panelOf(stem);
    return panel ? tabs(panel) : [];
  };
  const chosen = list => list.find(button => button.getAttribute('aria-selected') === 'true');

  const here = () => {
    const stem = Object.keys(TITLES).find(stem => panelOf(stem) && panelOf(stem).offsetParent !== null);
    if (!stem) return null;
    const sub = chosen(subsOf(stem));
    return {stem, sub: sub && sub !== subsOf(stem)[0] ? slug(english(sub)) : ''};
  };

  const address = place => {
    const url = new URL(window.location);
    url.searchParams.set('tab', place.stem);
    if (place.sub) url.searchParams.set('sub', place.sub); else url.searchParams.delete('sub');
    return url;
  };

  const name = place => { document.title = TITLES[place.stem] ? `${say(TITLES[place.stem])} · ${NAME}` : NAME; };

  // A tab is open: whether it takes a photo, its place in its row, and which face is meant by now.
  const arrived = stem => {
    if (stem) document.documentElement.dataset.tab = stem;
    centre(document);
    document.dispatchEvent(new CustomEvent('strip-face'));
  };

  let asked = false;
  const noted = () => {
    const place = here();
    arrived(place && place.stem);
    if (!place || asked) return;
    name(place);
    const url = address(place);
    if (url.href !== window.location.href) window.history.pushState(place, '', url);
  };

  const wait = (look, tries = 60) => new Promise(done => {
    const again = left => {
      const found = look();
      if (found || !left) done(found); else setTimeout(() => again(left - 1), 100);
    };
    again(tries);
  });

  // What a tab holds is made once it was sent; a value that is set before would be lost.
  window.made = async names => {
    const there = await wait(() => names.every(name => document.getElementById(name)), 100);
    for (let frame = 0; frame < 2; frame++) await new Promise(done => requestAnimationFrame(done));
    return there;
  };

  // The page of the API tells of every tab, so it starts from the whole page. (Gradio opens it only by the button, and
  // takes it for open already: it is pressed twice.)
  const whole = (new URLSearchParams(window.location.search).get('view') || '').startsWith('api');
  const told = async () => {
    const button = await wait(() => document.querySelector('footer .show-api'));
    if (button && !document.querySelector('.api-docs')) for (let press = 0; press < 2; press++) {
      button.click();
      await new Promise(done => setTimeout(done, 200));
    }
  };
  document.addEventListener('click', event => {
    const url = new URL(window.location);
    if (whole || !event.target.closest || !event.target.closest('footer .show-api')) return;
    event.stopPropagation();
    url.searchParams.set('view', 'api');
    window.location.assign(url);
  }, true);

  // A row of tabs scrolls where it is too narrow; the tab one is in is brought to its middle.
  const centre = root => {
    for (const tab of root.querySelectorAll('[role=tablist] > [role=tab][aria-selected=true]')) {
      const row = tab.parentElement;
      row.scrollLeft = tab.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2;
    }
  };

  const go = async (otherwise = '') => {
    const query = new URLSearchParams(window.location.search);
    const named = EARLIER[query.get('tab')] || query.get('tab') || '', known = Boolean(TITLES[named]);
    const stem = known ? named : otherwise, sub = known && query.get('sub') || '';
    if (!stem) {
      document.documentElement.dataset.tab = '';  // the first screen, whatever the address says
      return;
    }
    asked = true;
    const isTab = button => stemOf(button) === stem, isSub = button => slug(english(button)) === sub;
    const tab = await wait(() => top().find(isTab), 20);
    if (tab && tab.getAttribute('aria-selected') !== 'true') tab.click();
    await wait(() => panelOf(stem) && (!sub || subsOf(stem).length), 150);
    const inner = sub && await wait(() => subsOf(stem).find(isSub), 10);
    if (inner) inner.click();
    if (!sub && subsOf(stem).length) subsOf(stem)[0].click();
    asked = false;
    arrived(stem);
    name({stem});
  };

  // A part of a tab that is folded away is opened where a link means it.
  const unfold = async id => {
    for (let open = 0, tries = 0; open < 3 && tries < 40; tries++) {  // while a tab opens, Gradio may fold it again
      const label = document.querySelector(`#${id} button.label-wrap`);
      open = label && label.classList.contains('open') ? open + 1 : 0;
      if (label && !open) label.click();
      if (label) label.scrollIntoView({block: 'center'});
      await new Promise(done => setTimeout(done, 200));
    }
  };

  // What a picture shows, in words: its label, and what was found, or what the line above it says of the result.
  const labelled = part => {
    const block = part.closest('.block'), label = block && block.querySelector('label');
    return label ? label.textContent.trim() : say('Picture');
  };
  const finding = (button, name = labelled(button)) => {
    const line = button.closest('.column') && button.closest('.column').querySelector(':scope > .outcome [data-state=done]');
    const found = line && (window.found(window.resultOf(line)) || line.textContent.trim());
    const badge = / *[^:]*$/.exec(name)[0].replace(/^[^\p{L}]+/u, '');  // of the name, where what was found says it again
    const plain = badge && found && found.startsWith(badge) ? name.replace(/:? *[^:]*$/, '') : name;
    return [plain, found || ''].filter(Boolean).join(': ');
  };

  // The line between before and after moves by keys too, which Gradio's does not: arrows a little, Page keys more, Home
  // and End to an edge.
  const STEPS = {ArrowLeft: -0.02, ArrowRight: 0.02, PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1};
  const middle = box => box.left + box.width / 2;
  const placed = handle => {
    const frame = handle.parentElement.getBoundingClientRect();
    if (frame.width) handle.setAttribute('aria-valuenow', Math.round(100 * (middle(handle.getBoundingClientRect()) - frame.left) / frame.width));
  };
  const slide = event => {
    const handle = event.currentTarget, share = STEPS[event.key], frame = handle.parentElement.getBoundingClientRect();
    if (!share || !frame.width) return;
    event.preventDefault();
    const box = handle.getBoundingClientRect(), from = middle(box);
    const to = Math.min(Math.max(from + share * frame.width, frame.left), frame.right);
    for (const [kind, x, target] of [['mousedown', from, handle], ['mousemove', to, window], ['mouseup', to, window]]) {
      target.dispatchEvent(new MouseEvent(kind, {bubbles: true, cancelable: true, view: window, clientX: x, clientY: box.top + 5}));
    }
    requestAnimationFrame(() => placed(handle));
  };

  const NAMES = {'play-pause-replay-button': 'Play or pause', 'full-screen': 'Full screen'};  // of a clip's buttons

  const mend = root => {
    for (const handle of root.querySelectorAll('[id$=slider] .outer:not([role=slider])')) {
      for (const [name, value] of Object.entries({role: 'slider', tabindex: 0, 'aria-label': 'Between before and after', 'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': 50})) handle.setAttribute(name, value);
      placed(handle);
      handle.addEventListener('keydown', slide);
    }
    for (const empty of root.querySelectorAll('.empty[aria-label]:not([role])')) empty.setAttribute('role', 'img');
    for (const drop of root.querySelectorAll('[aria-label^="Click to upload"], [aria-label^="Drop a"], button[aria-label^="Thumbnail"]')) {
      if (drop.textContent.trim()) drop.removeAttribute('aria-label');  // what is written there is its name
    }
    for (const field of root.querySelectorAll('button input[type=file]')) field.hidden = true;  // a button holds no other control
    for (const inner of root.querySelectorAll('button button')) {  // one of the two can be pressed: the inner one
      const outer = inner.parentElement.closest('button');
      outer.setAttribute('role', 'group');
      outer.setAttribute('aria-label', 'Add more');
      outer.tabIndex = -1;
    }
    for (const link of root.querySelectorAll('a[download]:not([tabindex])')) {  // its button is the one that is named
      if (link.querySelector('button')) link.tabIndex = -1;
    }
    for (const [old, name] of Object.entries(NAMES)) {
      for (const button of root.querySelectorAll(`[aria-label="${old}"]`)) button.setAttribute('aria-label', name);
    }
    for (const head of root.querySelectorAll('.toast-header[role=button]')) head.setAttribute('role', 'group');  // holds one
    for (const set of root.querySelectorAll('fieldset.block:not([aria-labelledby])')) {  // what its choices are of
      const head = set.querySelector('[data-testid=block-info]');
      if (head) set.setAttribute('aria-labelledby', head.id = head.id || `${set.id}-head`);
    }
    for (const option of root.querySelectorAll('.block input[type=radio]')) {  // each had a name of its own: arrows did nothing
      const first = option.closest('.block').querySelector('input[type=radio]');
      if (option.name !== first.name) option.name = first.name;
    }
    for (const frame of root.querySelectorAll('button > .image-frame')) {
      const button = frame.parentElement, picture = frame.querySelector('img');
      const words = finding(button);
      if (words && button.getAttribute('aria-label') !== words) button.setAttribute('aria-label', words);
      if (words && picture && picture.alt !== words) picture.alt = words;
    }
    for (const plot of root.querySelectorAll('img[data-plot], img[alt$="plot visualising provided data"]')) {
      const words = finding(plot);
      plot.dataset.plot = '';
      if (plot.alt !== words) plot.alt = words;
    }
    for (const given of root.querySelectorAll('div > .image-frame img[alt=""]')) given.alt = labelled(given);
    for (const slider of root.querySelectorAll('[id$=slider]')) {
      [...slider.querySelectorAll('img')].forEach((picture, place) => {
        const words = place ? finding(picture, say('After')) : say('Before');
        if (picture.alt !== words) picture.alt = words;
      });
    }
  };

  // A picture that cannot be shown is told of in words (page.css).
  const FRAMES = {IMG: '.image-container, .thumbnail-item', VIDEO: '.wrap'};
  const torn = event => {
    const frame = FRAMES[event.target.tagName] && event.target.closest(FRAMES[event.target.tagName]);
    if (frame) frame.classList.toggle('unshown', event.type === 'error');
  };

  // A menu is often narrower than what is chosen there.
  const read_whole = event => {
    const menu = event.target.closest && event.target.closest('.secondary-wrap'), field = menu && menu.querySelector('input');
    if (field && field.title !== field.value) field.title = field.value;
  };

  const start = async () => {
    document.documentElement.dataset.tab = new URLSearchParams(window.location.search).get('tab') || '';
    await wait(() => top().length || document.querySelector('.gradio-container'));
    document.documentElement.lang = document.documentElement.lang || 'en';
    for (const kind of ['error', 'load', 'loadeddata']) document.addEventListener(kind, torn, true);
    document.addEventListener('pointerover', read_whole);
    mend(document);
    let due = false;  // once per frame: a tab that opens changes the page a thousand times
    new MutationObserver(() => {
      if (due) return;
      due = true;
      requestAnimationFrame(() => { due = false; mend(document); });
    }).observe(document.body, {childList: true, subtree: true});
    document.addEventListener('language', () => {
      mend(document);
      centre(document);  // its tabs are wider or narrower now
      if (here()) name(here());
    });
    if (whole) told();
    if (!top().length) return;
    document.addEventListener('click', event => { if (event.target.closest && event.target.closest('button[role=tab]')) setTimeout(noted, 60); });
    document.addEventListener('keyup', event => { if (document.activeElement && document.activeElement.getAttribute('role') === 'tab') setTimeout(noted, 60); });
    window.addEventListener('popstate', () => go(Object.keys(TITLES)[0]));  // Back to an address without a tab
    document.addEventListener('click', event => {
      const link = event.target.closest && event.target.closest('a[data-place]');
      if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      window.history.pushState(null, '', link.href);
      go().then(() => link.dataset.open && unfold(link.dataset.open));
    });
    await go();
  };
  start();
})
