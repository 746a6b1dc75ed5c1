(() => {
  // The states of each result on the page: empty, running, done, out of date, failed. They turn over here, at once; the
  // server says only why something failed. Values that go back to Gradio: the line, and whether Cancel can be pressed.
  const known = {}, PATIENCE = 2500;  // milliseconds for the server to say why a run failed
  let runs = 0;  // each run's line is another text: what was changed here is drawn anew
  let refused = 0;  // how a run that could not even be asked for was answered; 0: not at all
  const asking = window.fetch;
  window.fetch = async (...asked) => {
    const answer = await asking(...asked);
    if (!answer.ok && /\/queue\/join/.test(String(asked[0]?.url ?? asked[0]))) refused = answer.status;
    return answer;
  };
  const of = about => (known[about.stem] = known[about.stem] || {});
  // The first line of an outcome says what it is about; the lines after it need not.
  const told = about => {
    const state = of(about), first = document.querySelector(`#${about.stem}-state [data-about]`);
    if (!state.about && first) state.about = JSON.parse(first.dataset.about);
    return {start: '', name: '', named: [], cancel: false, empty: '', ...state.about, ...about};
  };
  const escaped = text => text.replace(/[&<>"]/g, sign => ({'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'})[sign]);
  const line = (state, words, more = '') =>
    `<div class="state"${state === 'error' ? ' role="alert"' : ''} data-state="${state}">${words}${more}</div>`;
  const now = about => {
    const shown = document.querySelector(`#${about.stem}-state [data-state]`);
    return shown ? shown.dataset.state : 'empty';
  };
  const cancel = (about, able) => about.cancel ? [{__type__: 'update', interactive: able}] : [];
  const press = (about, words) => `<button type="button" data-press="${about.start}">${words}</button>`;

  // What a person reads in a choice: the words of a menu, the ticked ones of a group, a number.
  const read = id => {
    const box = document.getElementById(id);
    if (!box) return '';
    const ticked = [...box.querySelectorAll('label')].filter(label => label.querySelector('input:checked'));
    if (ticked.length) return ticked.map(label => (window.words ? window.words.english(label) : label.textContent).trim()).join(', ');
    const several = [...box.querySelectorAll('.token')];
    if (several.length) return several.map(token => (window.words ? window.words.english(token) : token.textContent).trim()).join(', ');
    const field = box.querySelector('input:not([type=checkbox]):not([type=radio]), textarea');
    return field ? String(field.value).trim() : '';
  };
  const names = about => about.named.map(read).filter(Boolean).join(' · ');
  const seconds = since => {
    const passed = (performance.now() - since) / 1000;
    return passed < 10 ? passed.toFixed(1) + ' s' : Math.round(passed) + ' s';
  };
  const running = about => {
    Object.assign(of(about), {since: performance.now(), aged: false, asked: names(about)});
    return line('running', `<span class="turning" data-run="${++runs}"></span>Running${of(about).asked ? ': ' + escaped(of(about).asked) : ''} · <span class="elapsed" aria-hidden="true" data-stem="${about.stem}">0 s</span>`);
  };
  const stale = about => line('stale', 'Out of date: something was changed after this result. ', press(about, 'Again'));

  const steps = {
    paths: photos => {
      const found = [];
      const look = value => {
        if (Array.isArray(value)) value.forEach(look);
        else if (value && typeof value === 'object') {
          if (typeof value.path === 'string') found.push(value.path); else Object.values(value).forEach(look);
        } else if (typeof value === 'string') found.push(value);
      };
      photos.forEach(look);
      return found.join('\n');
    },
    begun: about => [running(about), ...cancel(about, true), ...Array(about.held).fill({__type__: 'update', interactive: false})],
    // A photo is new or gone: what is shown belongs to the old one, and what runs is being stopped.
    cleared: about => {
      Object.assign(of(about), {stopping: now(about) === 'running', clearing: true});
      return [line('old', 'Clearing …'), ...cancel(about, false)];
    },
    // Gradio forgets a run that starts while the one before it is still being stopped, and shows what that still brings.
    waited: async about => {
      for (let tries = 0; of(about).stopping && tries < 100; tries++) await new Promise(done => setTimeout(done, 50));
      of(about).clearing = of(about).stopping = false;
      return [];
    },
    ready: (about, [paths]) => {
      const next = paths && about.at_once;
      if (next) return [running(about), ...cancel(about, true)];
      if (now(about) === 'running') return undefined;  // pressed before the photo had arrived: that run is under way
      return [line('empty', paths ? 'Ready. ' : escaped(about.empty), paths ? press(about, about.name) : ''), ...cancel(about, false)];
    },
    // The server says why, unless it is what failed: then nobody would, and the line would run for ever.
    failed: about => {
      const state = of(about), {since} = state, status = refused;
      state.stopping = false;
      refused = 0;
      setTimeout(() => {
        const shown = document.querySelector(`#${about.stem}-state [data-state]`);
        if (!shown || shown.dataset.state !== 'running' || state.since !== since) return;
        Object.assign(shown.dataset, {state: 'error'});
        shown.setAttribute('role', 'alert');
        shown.innerHTML = `${causeOf(status)} ${about.start ? press(about, 'Again') : ''}`;
      }, PATIENCE);
      return [];
    },
    stopped: about => {
      Object.assign(of(about), {stopping: now(about) === 'running', clearing: true});
      return [line('empty', 'Cancelled; nothing was kept.'), ...cancel(about, false)];
    },
    aged: about => {
      if (now(about) === 'done') return [stale(about)];
      if (now(about) === 'running') of(about).aged = true;
      return undefined;
    },
    done: about => {
      if (of(about).clearing) of(about).stopping = false;
      const state = of(about), files = Array(about.files).fill({__type__: 'update', interactive: true});
      if (now(about) !== 'running') return undefined;
      const words = [state.asked, state.since ? seconds(state.since) : ''].filter(Boolean).map(escaped).join(' · ');
      return [state.aged ? stale(about) : line('done', `<span aria-hidden="true">✓</span> ${words}`), ...cancel(about, false), ...files];
    },
  };

  window.outcome = {paths: steps.paths};
  for (const name of Object.keys(steps)) {
    if (name !== 'paths') window.outcome[name] = (about, values) => steps[name](told(about), values);
  }

  const onScreen = shown => {
    const box = shown.getBoundingClientRect();
    return box.top >= 0 && box.bottom <= innerHeight;
  };
  // Gradio tells of an answer that is none as it came: in words, and only where nobody else says it.
  const plain = toast => {
    const walker = document.createTreeWalker(toast, NodeFilter.SHOW_TEXT);
    const said = [...document.querySelectorAll('.outcome [data-state=error], #strip .strip-say')].map(each => window.words ? window.words.english(each) : each.textContent);
    while (walker.nextNode()) {
      const text = walker.currentNode, [, status, body] = /^\s*(?:HTTP (\d+): |Could not parse server response|Not authenticated)(.*)$/s.exec(text.data) || [];
      if (body === undefined) continue;
      const words = detailOf(body, status) || causeOf(Number(status) || (text.data.includes('Not auth') ? 401 : 502));
      if (said.some(each => each.includes(words))) toast.style.display = 'none';
      text.data = words;
    }
  };

  setInterval(() => {
    document.querySelectorAll('[data-testid=toast-body]').forEach(plain);
    for (const shown of document.querySelectorAll('.outcome .elapsed')) {
      const state = known[shown.dataset.stem];
      if (state && state.since) shown.textContent = seconds(state.since);
    }
    // What went wrong is said in one place; who cannot see that place is brought there.
    const failed = [...document.querySelectorAll('.outcome [data-state=error]')].filter(shown => shown.offsetParent);
    const said = document.querySelector('#strip .strip-say');
    if (said) said.classList.toggle('elsewhere', failed.some(shown => onScreen(shown) && shown.textContent.trim() === said.textContent.trim()));
    // Nor in a corner: what went before a run, as looking for faces, fails for the same reason as the strip tells.
    const words = said ? said.textContent.trim() : '';
    for (const toast of document.querySelectorAll('[data-testid=toast-body]')) {
      if (words.length > 20 && toast.textContent.includes(words)) toast.style.display = 'none';
      // A clip of a kind that the browser cannot play is read all the same; its frame says so.
      if (toast.textContent.includes('Video not playable') && document.querySelector('.unshown video')) toast.style.display = 'none';
    }
    for (const shown of failed.filter(each => !('seen' in each.dataset))) {
      shown.dataset.seen = '';
      if (!onScreen(shown)) shown.scrollIntoView({block: 'center'});
    }
  }, 500);
  document.addEventListener('click', event => {
    const pressed = event.target.closest && event.target.closest('[data-press]');
    const target = pressed && document.getElementById(pressed.dataset.press);
    if (!target) return;
    const button = target.querySelector('button') || target;
    if (document.activeElement === pressed) button.focus();  // "Again" goes away with its line
    button.click();
  });
})()
