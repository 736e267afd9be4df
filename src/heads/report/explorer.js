// Attention explorer: shows a head's attention from the character under the pointer.
const state = {head: heads[0], text: 0, query: null, role: null, locked: false};

const cache = new Map();
function bytes(kind, text, name) {
  const key = kind + '/' + text + '/' + name;
  if (!cache.has(key)) cache.set(key, bytesOf(data.texts[text][kind][name]));
  return cache.get(key);
}
const weight = (t, j) => bytes('attention', state.text, state.head)[place(t, j)] / 255;
const inRole = (t, j) => bitOf(bytes('masks', state.text, state.role), place(t, j));
const finding = name => study.heads[heads.indexOf(name)];
const roleOf = head => finding(head).closest_role;

// Reads and writes the URL fragment #head=L0H1&text=0&query=17&role=previous. Ignores names and numbers that do not exist.
function readHash() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  if (heads.includes(wanted.get('head'))) { state.head = wanted.get('head'); state.role = roleOf(state.head); }
  const whole = (key, end) => /^\d+$/.test(wanted.get(key) ?? '') && +wanted.get(key) < end ? +wanted.get(key) : null;
  state.text = whole('text', data.texts.length) ?? state.text;
  if (data.roles.some(r => r.name === wanted.get('role'))) state.role = wanted.get('role');
  if (wanted.has('query')) {
    const query = whole('query', data.texts[state.text].length);
    if (query !== null) { state.query = query; state.locked = true; }
  }
}
function writeHash() {
  const parts = {head: state.head, text: state.text, ...(state.locked ? {query: state.query} : {}), role: state.role};
  history.replaceState(null, '', '#' + new URLSearchParams(parts));
}

function explorerSection() {
  state.role = roleOf(state.head);
  const line = element('div', {class: 'text', id: 'text', tabindex: 0, role: 'listbox', 'aria-label':
    'text; arrow keys move the query, Enter locks it, Escape releases it', 'aria-activedescendant': ''});
  const says = element('p', {class: 'says', id: 'says', 'aria-live': 'polite'});
  const buttons = element('div', {class: 'tools heads', role: 'group', 'aria-label': 'head'});
  for (const name of heads)
    buttons.append(element('button', {type: 'button', onclick: () => { state.head = name; state.role = roleOf(name); change(); }}, name));
  const short = i => data.texts[i].tokens.slice(0, 24).map(shownToken).join('');
  const [textLabel, textSelect] = chooser('Text', data.texts.map((_, i) => [i, `${i + 1}: ${short(i)}…`]),
    v => { state.text = +v; state.query = null; state.locked = false; cells = []; change(); });
  const [roleLabel, roleSelect] = chooser('Role to mark', data.roles.map(r => [r.name, r.name]), v => { state.role = v; change(); });
  let cells = [], showRow = () => {};
  const query = t => { state.query = t; paint(); };
  const lock = t => {
    if (state.locked && state.query === t) return release();
    state.query = t; state.locked = true; paint(); writeHash();
  };
  const release = () => { state.locked = false; state.query = null; paint(); writeHash(); };
  line.addEventListener('mouseover', e => { const t = cells.indexOf(e.target); if (t >= 0 && !state.locked) query(t); });
  line.addEventListener('mouseleave', () => { if (!state.locked) query(null); });
  line.addEventListener('click', e => { const t = cells.indexOf(e.target); if (t >= 0) lock(t); });
  line.addEventListener('keydown', e => {
    const last = cells.length - 1, at = state.query;
    const to = {ArrowRight: at === null ? 0 : Math.min(last, at + 1), ArrowLeft: at === null ? last : Math.max(0, at - 1),
      Home: 0, End: last}[e.key];
    if (to !== undefined) { state.locked ? (state.query = to, paint(), writeHash()) : query(to); e.preventDefault(); }
    if (e.key === 'Enter' || e.key === ' ') { if (at !== null) lock(at); e.preventDefault(); }
  });
  document.addEventListener('keydown', e => { if (e.key === 'Escape') release(); });

  function paint() {
    const text = data.texts[state.text], t = state.query;
    if (cells.length !== text.length || !cells.length) {
      cells = text.tokens.map((token, i) => element('span', {id: 'c' + i, role: 'option'}, shownToken(token)));
      line.replaceChildren(...cells);
    }
    let most = 0;
    cells.forEach((cell, j) => {
      const seen = t !== null && j <= t, w = seen ? weight(t, j) : 0, color = oneSided(Math.sqrt(w));
      if (seen && w > weight(t, most)) most = j;
      cell.className = (seen && inRole(t, j) ? 'role ' : '') + (j === t ? 'query ' : '') + (t !== null && j > t ? 'later' : '');
      cell.style.background = w > 0 ? css(color) : '';
      cell.style.color = w > 0 ? inkOn(color) : '';
      cell.setAttribute('aria-selected', j === t);
    });
    showRow(t);
    line.setAttribute('aria-activedescendant', t === null ? '' : 'c' + t);
    const f = finding(state.head), role = data.roles.find(r => r.name === state.role), score = f.roles[state.role];
    const roleText = `Role “${role.name}”: ${role.meaning}. ` + (score ? `kappa ${fixed(score.kappa, 2)}` +
      (score.kappa_content === null ? '' : `, kappa_c ${fixed(score.kappa_content, 2)}`) + ' over the whole text. ' : '') +
      (f.label ? `${state.head}: ${f.label} (${f.verdict}). ` : `${state.head} has no label (${whyNot[f.unlabelled_by] ?? f.unlabelled_by}), verdict ${f.verdict}. `);
    if (t === null) {
      says.textContent = roleText + 'Point at a character, or focus the text and use the arrow keys; click or Enter locks, Esc releases.';
    } else {
      let on = 0, keys = 0;
      for (let j = 0; j <= t; ++j) if (inRole(t, j)) { on += weight(t, j); ++keys; }
      const next = t + 1 < text.length ? text.tokens[t + 1] : text.next;
      says.textContent = `Query ${t} “${shownToken(text.tokens[t])}”` + (next === null ? '' : `, before “${shownToken(next)}”`) +
        (text.rules[t] ? ` (rule ${text.rules[t]})` : '') + (text.losses[t] === null ? '' : `, loss ${fixed(text.losses[t], 2)}`) +
        `: largest weight ${fixed(weight(t, most), 2)}, on key ${most} “${shownToken(text.tokens[most])}”. ` +
        (keys ? `Attention on the role ${fixed(on, 2)}, by chance ${fixed(keys / (t + 1), 2)}. ` : 'Not a query of this role. ') + roleText;
    }
  }
  const map = drawn(() => {
    const {svg, queryAt, ...more} = attentionFigure(`${state.head} on text ${state.text + 1}: rows are queries, columns are keys`,
      data.texts[state.text].tokens, 940, weight, inRole, 'map');
    showRow = more.showRow;
    showRow(state.query);
    const inside = e => { const t = queryAt(e); return t >= 0 && t < cells.length ? t : null; };
    svg.addEventListener('mousemove', e => { if (!state.locked) query(inside(e)); });
    svg.addEventListener('mouseleave', () => { if (!state.locked) query(null); });
    svg.addEventListener('click', e => { if (inside(e) !== null) lock(inside(e)); });
    return svg;
  }, 'attention map');
  function change(fromHash) {
    [...buttons.children].forEach(b => b.setAttribute('aria-pressed', b.textContent === state.head));
    textSelect.value = state.text;
    roleSelect.value = state.role;
    paint();
    map.again();
    if (!fromHash) writeHash();
  }
  window.addEventListener('hashchange', () => {
    readHash();
    cells = [];
    change(true);
  });
  redraws.push(paint);
  readHash();
  change(true);
  const rows = () => [['head', 'text', 'query', 'query_token', 'key', 'key_token', 'weight', 'in_role'],
    ...data.texts[state.text].tokens.flatMap((q, t) => data.texts[state.text].tokens.slice(0, t + 1).map((k, j) =>
      [state.head, state.text + 1, t, shownToken(q), j, shownToken(k), weight(t, j).toFixed(3), inRole(t, j) ? state.role : '']))];
  return element('section', {id: 'explorer'}, element('h2', {}, 'Attention of each head'),
    buttons, element('div', {class: 'tools'}, textLabel, roleLabel), line,
    element('p', {class: 'note'}, 'Shade: square root of the attention weight. Underlined, and framed in the map: the keys of the ' +
      'role. Point at a row of the map to show its weights in the text. The page’s address links to this head and query.'),
    says, map.place, savers('attention', map.svg, rows));
}
