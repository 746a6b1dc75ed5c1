// What `walk.py` asks of a page. Loaded before the page's own scripts.
window.walk = (() => {
  const shown = part => part.offsetParent || part.offsetWidth;
  const words = part => (part.getAttribute('aria-label') || part.innerText || '').trim().replace(/\s+/g, ' ');
  const holder = part => (part.closest('[id]') || {}).id || '';

  // Whether nothing has the focus.
  const lost = () => !document.activeElement || document.activeElement === document.body;

  // Whether a part can be used; `usual` has an id for its selector.
  const usual = part => /^[#.[]/.test(part) ? part : '#' + part;
  const able = part => [...document.querySelectorAll(usual(part))].some(one => shown(one) && !one.disabled);

  const seen = part => [...document.querySelectorAll(usual(part))].some(shown);

  const line = stem => document.querySelector(`#${stem}-state [data-state]`);
  const state = stem => line(stem) ? line(stem).dataset.state : '';
  const settled = stem => ['done', 'error', 'stale'].includes(state(stem));
  const told = stem => line(stem) ? line(stem).outerHTML : '';

  // Two frames later: what a key does at once is done.
  const frames = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));

  // Once nothing has changed on the page for a while, nothing that ends is moving and every picture is there.
  const calm = async (still = 250, most = 8000) => {
    let last = performance.now();
    const began = last, watching = new MutationObserver(() => { last = performance.now(); });
    watching.observe(document, {childList: true, subtree: true, attributes: true, characterData: true});
    const moving = () => document.getAnimations().some(one => one.playState === 'running' && one.effect
      && Number.isFinite(one.effect.getComputedTiming().endTime));
    const loading = () => [...document.images].some(one => shown(one) && one.loading !== 'lazy' && !one.complete);
    while (performance.now() - began < most && (performance.now() - last < still || moving() || loading())) {
      await new Promise(done => setTimeout(done, 50));
    }
    watching.disconnect();
  };

  // Where a part lies as seen from the focus.
  const where = selector => {
    const all = [...document.querySelectorAll(selector)].filter(shown);
    const first = all.find(part => !part.disabled) || all[0], here = document.activeElement;
    const target = first && first.type === 'radio' && all.find(part => part.name === first.name && part.checked) || first;
    if (!target) return 'absent';
    if (target.disabled) return 'disabled';
    if (here === target || target.contains(here)) return 'there';
    return here.compareDocumentPosition(target) & 2 ? 'before' : 'after';
  };

  // A place to put the focus aside, at the top of the page; what moves slowly would look different for another reason.
  const begin = () => {
    const aside = document.createElement('span'), still = document.createElement('style');
    aside.id = 'walk-aside';
    aside.tabIndex = -1;
    aside.style.position = 'fixed';
    still.textContent = '* { transition: none !important; animation: none !important }';
    document.head.append(still);
    document.body.prepend(aside);
    aside.focus();
  };

  const look = part => {
    const told = [];
    for (let up = part, height = 0; up && height < 4; height++, up = up.parentElement) {
      for (const each of [up, ...(height ? [] : up.parentElement.children)]) {
        for (const pseudo of [null, '::before', '::after']) {
          const style = getComputedStyle(each, pseudo);
          told.push(style.outlineStyle === 'none' ? '' : style.outlineWidth + style.outlineColor, style.boxShadow,
            style.borderColor, style.backgroundColor, style.color, style.textDecorationLine, style.opacity);
        }
      }
    }
    return told.join('|');
  };

  // The stop of the Tab key one is at: its name, and whether it looks different from when it is left.
  const stop = () => {
    if (lost()) return null;
    const here = document.activeElement, box = here.getBoundingClientRect(), place = [scrollX, scrollY];
    const labels = here.labels ? [...here.labels].map(label => label.innerText).join(' ') : '';
    const picture = here.querySelector('[alt]'), other = document.getElementById(here.getAttribute('aria-labelledby'));
    const name = words(here) || (other && other.innerText) || labels || here.title || (picture && picture.alt) || here.placeholder || '';
    const focused = look(here);
    document.getElementById('walk-aside').focus({preventScroll: true});
    const left = look(here);
    here.focus({preventScroll: true});
    scrollTo(...place);
    return {
      what: `${here.tagName.toLowerCase()} ${holder(here)} ${name.trim().slice(0, 40)}`,
      ring: focused !== left,
      named: Boolean(name.trim()),
      seen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    };
  };

  // What a finger is to meet that is smaller than 24 pixels; links in a sentence may be.
  const area = part => {
    const label = part.matches('input[type=checkbox], input[type=radio]') && part.closest('label');
    return (label || (part.getAttribute('role') === 'combobox' && part.closest('.wrap')) || part).getBoundingClientRect();
  };
  const small = () => [...document.querySelectorAll('button, a[href], input, select, textarea, [role=slider], summary, [tabindex="0"]')]
    .filter(part => part.offsetParent && !part.disabled && part.type !== 'file' && getComputedStyle(part).opacity !== '0')
    .filter(part => part.tagName !== 'A' || getComputedStyle(part).display !== 'inline')
    .map(part => [part, area(part)])
    .filter(([, box]) => box.width > 1 && box.height > 1 && (box.width < 23.5 || box.height < 23.5))
    .map(([part, box]) => `${part.tagName.toLowerCase()} ${holder(part)} "${words(part).slice(0, 24)}" ${Math.round(box.width)}×${Math.round(box.height)}`);

  // What is cut off at the side: the page itself does not scroll there.
  const cut = () => [...document.querySelectorAll('.column, .block, .prose, button')].filter(shown)
    .filter(part => part.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .filter(part => {
      for (let up = part.parentElement; up; up = up.parentElement) {
        if (/auto|scroll|hidden/.test(getComputedStyle(up).overflowX)) return false;
      }
      return true;
    })
    .map(part => `${part.tagName.toLowerCase()} ${holder(part)} "${words(part).slice(0, 24)}" ends at ${Math.round(part.getBoundingClientRect().right)} px`);

  return {lost, able, seen, state, settled, told, frames, calm, where, begin, stop, small, cut};
})();
