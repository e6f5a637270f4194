'use strict';
// Shows the page live. All that it puts in place the server has rendered. Without it the page
// reloads, and every link works as well.
(() => {
  const status = document.getElementById('status');
  const main = document.querySelector('main');
  const shown = {};
  const waiting = {}; // parts that are to be shown
  let pressed = false; // a click that has begun would miss what is new
  let source = null;
  let focus = ''; // id of what a click has asked for
  let lost = 0;

  // show puts a part in place, and leaves the reader where they are.
  function show(name, html) {
    if (shown[name] === html) return;
    shown[name] = html;
    const part = document.getElementById('part-' + name);
    const active = part.contains(document.activeElement) ? document.activeElement.id : '';
    const scrolled = [...part.querySelectorAll('.scroll')].map(e => [e.id, e.scrollLeft, e.scrollTop]);
    part.innerHTML = html;
    for (const [id, left, top] of scrolled) {
      const e = document.getElementById(id);
      if (e) e.scrollTo(left, top);
    }
    const again = active && document.getElementById(active);
    if (again) again.focus({preventScroll: true});
  }

  function update(event) {
    const data = JSON.parse(event.data);
    main.removeAttribute('aria-busy');
    document.title = data.title;
    Object.assign(waiting, data.parts);
    flush();
  }

  // selects reports whether the reader has selected text in a part, to copy it.
  function selects(name) {
    const s = getSelection();
    return !s.isCollapsed && document.getElementById('part-' + name).contains(s.anchorNode);
  }

  function flush() {
    if (pressed) return;
    for (const name of Object.keys(waiting)) {
      if (selects(name)) continue;
      show(name, waiting[name]);
      delete waiting[name];
    }
    const wanted = focus && document.getElementById(focus);
    if (wanted) {
      focus = '';
      wanted.scrollIntoView({block: 'nearest'});
      wanted.focus({preventScroll: true});
    }
  }

  function connect() {
    disconnect();
    main.setAttribute('aria-busy', 'true');
    source = new EventSource('events' + location.search);
    source.onopen = () => {
      clearTimeout(lost);
      lost = 0;
      status.textContent = new URLSearchParams(location.search).has('pause') ? 'Paused.' : 'Live.';
    };
    source.onerror = () => {
      lost = lost || setTimeout(() => { status.textContent = 'The program does not answer.'; }, 2000);
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
    };
    source.onmessage = update;
  }

  function disconnect() {
    if (source) source.close();
    source = null;
  }

  document.addEventListener('click', event => {
    const link = event.target.closest('a');
    const href = link && link.getAttribute('href');
    if (!href || !href.startsWith('?') || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    history.pushState(null, '', href);
    focus = location.hash.slice(1);
    connect();
  });
  document.addEventListener('pointerdown', () => { pressed = true; });
  for (const end of ['pointerup', 'pointercancel']) {
    document.addEventListener(end, () => setTimeout(() => { pressed = false; flush(); }));
  }
  addEventListener('popstate', connect);
  // Nobody looks at a page that is hidden.
  document.addEventListener('visibilitychange', () => document.hidden ? disconnect() : connect());
  connect();
})();
