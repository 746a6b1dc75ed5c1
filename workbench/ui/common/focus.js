(() => {
  // Who goes by keyboard stays where they were when the button they pressed goes away (Clear, Cancel, Again): the next
  // press of Tab would else start at the top of the page, and a screen reader falls silent.
  const CONTROLS = 'button, a[href], input:not([type=file]), select, textarea, [tabindex="0"]';
  let around = [], keys = false;
  const usable = part => part.offsetParent && !part.disabled && part.tabIndex >= 0;
  const gone = part => !part || !part.isConnected || !part.offsetParent || part.disabled;

  const returned = () => {
    const here = document.activeElement, [last, ...outside] = around;
    if (!keys || !last || !gone(last) || (here && here !== document.body && here !== last)) return;
    for (const part of outside) {
      const next = part.isConnected && part.offsetParent && [...part.querySelectorAll(CONTROLS)].find(usable);
      if (next) return next.focus({preventScroll: true});
    }
  };

  // Only what was reached by keys: who tapped a button and then presses a key of the page means that key.
  document.addEventListener('focusin', event => {
    around = [];
    if (keys) for (let part = event.target; part && part !== document.body && part.getAttribute('role') !== 'tabpanel'; part = part.parentElement) around.push(part);
  });
  document.addEventListener('keydown', () => { keys = true; }, true);
  document.addEventListener('pointerdown', () => { keys = false; around = []; }, true);
  // A menu that Tab leaves, forwards or back, stays shut: Gradio's own answer to each key, to Shift alone too, comes a
  // moment later and would open it again.
  document.addEventListener('keydown', event => {
    if (['Tab', 'Shift'].includes(event.key) && event.target.getAttribute('role') === 'combobox') event.stopPropagation();
  }, true);
  // Who only passes a menu has chosen nothing: Gradio tells of a choice whenever one is left, and results went out of
  // date, or were thrown away, by a press of Tab. The list is closed as by Escape.
  const entered = new WeakMap();
  document.addEventListener('focus', event => {
    if (event.target.matches && event.target.matches('[role=combobox]')) entered.set(event.target, event.target.value);
  }, true);
  document.addEventListener('blur', event => {
    const menu = event.target;
    if (!entered.has(menu) || !menu.value || entered.get(menu) !== menu.value) return;
    event.stopImmediatePropagation();
    menu.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}));
  }, true);
  let due = false;
  new MutationObserver(() => {
    if (due || !keys) return;
    due = true;
    requestAnimationFrame(() => { due = false; returned(); });
  }).observe(document.documentElement, {childList: true, subtree: true, attributes: true, attributeFilter: ['disabled', 'class', 'style']});
})()
