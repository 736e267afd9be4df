// Training section: losses, roles and attention at each snapshot, with a slider over snapshots.
const still = window.matchMedia('(prefers-reduced-motion: reduce)');

function trainingSection() {
  const h = data.history, title = element('h2', {}, 'Training');
  if (!h || !h.steps.length) return element('section', {id: 'training'}, title, element('p', {},
    'This run has no snapshots. ', element('code', {}, 'headlight train --watch-heads'),
    ' records losses, roles and attention during training, and this section then shows them.'));

  const last = h.steps.length - 1, end = h.steps[last];
  let now = last, zoom = h.heads.includes(state.head) ? state.head : h.heads[0], even = false;
  // The snapshot whose attention is shown: the latest up to `now` that has attention on the page.
  const shown = () => { let i = now; while (i > 0 && !h.attention[i]) --i; return i; };
  const weights = new Map();
  function weightOf(head, snapshot) {
    const key = snapshot + head;
    if (!weights.has(key)) weights.set(key, bytesOf(h.attention[snapshot]?.[head] ?? ''));
    const bytes = weights.get(key);
    return (t, j) => (bytes[place(t, j)] ?? 0) / 255;
  }
  // Role masks are available if the text is a prefix of one of the explorer's texts.
  const twin = data.texts.find(t => h.tokens.every((token, i) => t.tokens[i] === token));

  // ---- a head's role at a snapshot: the role with the highest kappa, or its final role if that is within 0.1 ----
  const endRoles = h.heads.map(head => heads.includes(head) ? h.roles.indexOf(finding(head).closest_role) : -1);
  const roleAt = (i, a) => {
    const kappas = h.kappa[i][a], highest = kappas.indexOf(Math.max(...kappas)), end = endRoles[a];
    const r = end >= 0 && kappas[end] >= kappas[highest] - .1 ? end : highest, content = h.kappa_content[i][a][r];
    return {name: h.roles[r], kappa: kappas[r], counts: kappas[r] >= .4 && (content === null || content >= .2)};
  };
  const roleText = r => r.kappa < .1 ? 'no role yet' : (r.counts ? r.name : `(${r.name})`) + ' ' + fixed(r.kappa, 2);
  // Lines: the roles that a head had at any snapshot, at most three per head. A role has the same color in all panels.
  const linesOf = h.heads.map((_, a) => {
    const most = h.roles.map((_, r) => Math.max(...h.kappa.map(k => k[a][r])));
    const order = most.map((_, r) => r).sort((p, q) => most[q] - most[p]);
    return order.filter((r, k) => k < 3 && most[r] >= (k ? .3 : .1));
  });
  const votes = h.roles.map((_, r) => linesOf.reduce((sum, lines) => sum + lines.includes(r), 0));
  const drawnRoles = h.roles.map((_, r) => r).filter(r => votes[r]).sort((p, q) => votes[q] - votes[p]);

  // ---- the axis of steps: linear in steps, or equal distances between snapshots ----
  const warp = step => {
    if (!even) return end === h.steps[0] ? 0 : (step - h.steps[0]) / (end - h.steps[0]);
    let i = 0;
    while (i < last && h.steps[i + 1] <= step) ++i;
    return (i + (i < last ? (step - h.steps[i]) / (h.steps[i + 1] - h.steps[i]) : 0)) / Math.max(1, last);
  };
  const ticks = () => even ? [0, .25, .5, .75, 1].map(q => Math.round(q * last)).filter((i, k, all) => i !== all[k - 1])
    .map(i => [h.steps[i], String(h.steps[i])]) : undefined;
  const span = [h.steps[0], Math.max(end, h.steps[0] + 1)];
  const nearest = share => h.steps.reduce((best, s, i) => Math.abs(warp(s) - share) < Math.abs(warp(h.steps[best]) - share) ? i : best, 0);

  // ---- losses ----
  const slots = h.slots.map((name, s) => ({name, s, floor: h.floor?.[s] ?? null, losses: h.loss.map(l => l[s])})).filter(s => s.losses.some(v => v !== null));
  let moveCursor = () => {}, lit = null;
  const losses = drawn(() => {
    const all = slots.flatMap(s => [...s.losses, s.floor]).filter(v => v !== null), low = Math.min(...all), high = Math.max(...all);
    const {svg, x, y, left, right, top, bottom} = axes('Loss by ' + (study.truth_known ? 'rule' : 'prediction subset'), span,
      [low - (high - low) * .03, high + (high - low) * .03 + 1e-6], 'training step', 'loss, nats',
      {width: room(600), height: 420, margin: Math.min(150, 22 + 7 * Math.max(...slots.map(s => s.name.length))), ticks: ticks(), warp});
    const ends = slots.map(s => y(s.losses.filter(v => v !== null).at(-1))), at = spread(ends, 14, bottom + 4);
    const cursor = element('line', {y1: top, y2: bottom, class: 'cursor'});
    const groups = slots.map(s => element('g', lit === null || lit === s.name ? {} : {opacity: .15}));
    slots.forEach((s, k) => {
      const svg = groups[k], style = k ? stroke(k - 1) : 'fill:none;stroke:var(--ink);stroke-width:3';
      if (s.floor !== null) svg.append(element('line', {x1: left, x2: right, y1: y(s.floor), y2: y(s.floor),
        style: `stroke:${k ? ink(k - 1) : 'var(--ink)'};stroke-width:1.2;stroke-dasharray:3 5`}, element('title', {}, `${s.name}: floor ${fixed(s.floor, 3)}`)));
      svg.append(element('path', {d: pathOf(s.losses.flatMap((v, i) => v === null ? [] : [[x(h.steps[i]), y(v)]])), style}, element('title', {}, s.name)),
        element('path', {d: `M${right} ${ends[k]}L${right + 14} ${at[k]}`, style: 'fill:none;stroke:var(--soft);stroke-width:.7'}),
        say(right + 17, at[k] + 4, s.name, {style: `fill:${k ? ink(k - 1) : 'var(--ink)'};font-weight:${k ? 400 : 600}`}));
    });
    const dots = slots.map((s, k) => element('circle', {r: 4, style: `fill:${k ? ink(k - 1) : 'var(--ink)'}`}));
    dots.forEach((dot, k) => groups[k].append(dot));
    // Draw highlighted lines above the others.
    svg.append(...groups.filter((_, k) => slots[k].name !== lit), ...groups.filter((_, k) => slots[k].name === lit), cursor);
    moveCursor = () => {
      for (const key of ['x1', 'x2']) cursor.setAttribute(key, x(h.steps[now]));
      slots.forEach((s, k) => {
        const v = s.losses[now];
        dots[k].setAttribute('visibility', v === null ? 'hidden' : 'visible');
        if (v !== null) dots[k].setAttribute('cx', x(h.steps[now])), dots[k].setAttribute('cy', y(v));
      });
    };
    svg.addEventListener('click', e => go(nearest((e.clientX - svg.getBoundingClientRect().left - left) / (right - left))));
    moveCursor();
    return svg;
  }, 'losses during training');

  const [litLabel] = chooser('Highlight', [['', 'all lines'], ...slots.map(s => [s.name, s.name])], v => { lit = v || null; losses.again(); });

  // ---- one panel per head: kappa of its roles over the steps, and its current attention ----
  let movePanels = () => {};
  const panels = drawn(() => {
    const wide = room(1140), columns = Math.max(1, Math.min(h.heads.length, Math.floor(wide / (wide < 640 ? 160 : 230)))), cell = Math.min(360, Math.floor(wide / columns));
    // In narrow panels, the role is below the head's name instead of beside it.
    const below = cell < 220 ? 15 : 0, inner = cell - (below ? 32 : 50), curve = 92, fits = Math.min(inner, 210) / h.length;
    const size = fits > 2 ? Math.floor(fits) : fits, map = size * h.length, high = 44 + below + curve + 30 + map + 20;
    const rows = [[]];
    for (const r of drawnRoles) {  // the legend, wrapped to the panel's width
      const width = 52 + 7.2 * h.roles[r].length, used = rows.at(-1).reduce((sum, e) => sum + e.width, 0);
      if (used && used + width > wide) rows.push([]);
      rows.at(-1).push({r, width});
    }
    const top = 30 + 18 * rows.length, width = Math.max(280, cell * columns), height = top + high * Math.ceil(h.heads.length / columns);
    const svg = element('svg', {width, height, viewBox: `0 0 ${width} ${height}`, role: 'group', 'aria-label': 'kappa and attention of each head'});
    svg.append(say(0, 14, 'kappa of each head’s roles, and the head’s attention at this step', {'font-weight': 600}));
    rows.forEach((row, i) => row.reduce((x, {r, width: w}) => {
      svg.append(element('line', {x1: x, x2: x + 30, y1: 30 + 18 * i, y2: 30 + 18 * i, style: stroke(drawnRoles.indexOf(r))}), say(x + 36, 34 + 18 * i, h.roles[r]));
      return x + w;
    }, 0));
    const parts = h.heads.map((head, a) => {
      const left = cell * (a % columns) + (below ? 18 : 26), up = top + high * Math.floor(a / columns) + 22 + below, x = s => left + warp(s) * inner;
      const y = v => up + 8 + curve * (1 - Math.max(-.1, v)) / 1.1, name = say(left, up - 2 - below, head, {'font-weight': 600}), says = say(below ? left : left + 44, up - 2, '', below ? {style: 'font-size:11px'} : {});
      svg.append(heads.includes(head) ? element('a', {href: '#head=' + head, 'aria-label': 'explore ' + head}, name) : name, says);
      for (const v of [0, 1]) svg.append(element('line', {x1: left, x2: left + inner, y1: y(v), y2: y(v), class: 'axis'}),
        say(left - 5, y(v) + 4, String(v), {'text-anchor': 'end', class: 'soft'}));
      svg.append(element('line', {x1: left, x2: left + inner, y1: y(.4), y2: y(.4), style: 'stroke:var(--soft);stroke-width:.8;stroke-dasharray:4 4'}),
        say(left, y(-.1) + 14, String(h.steps[0]), {class: 'soft'}), say(left + inner, y(-.1) + 14, String(end), {'text-anchor': 'end', class: 'soft'}));
      for (const r of [...linesOf[a]].reverse()) svg.append(element('path', {d: pathOf(h.kappa.map((k, i) => [x(h.steps[i]), y(k[a][r])])),
        style: stroke(drawnRoles.indexOf(r))}, element('title', {}, `${head}: ${h.roles[r]}`)));
      const cursor = element('line', {y1: y(1), y2: y(-.1), class: 'cursor'}), mapTop = up + 8 + curve + 30;
      const attention = element('g', {style: 'cursor:pointer', onclick: () => { zoom = head; headSelect.value = head; big.again(); }},
        element('title', {}, `${head}: enlarge`));
      svg.append(cursor, element('path', {d: `M${left} ${mapTop}V${mapTop + map}H${left + map}Z`, class: 'axis', style: 'fill:none'}), attention);
      return {cursor, says, attention, x, left, mapTop, head, a};
    });
    movePanels = () => parts.forEach(p => {
      for (const key of ['x1', 'x2']) p.cursor.setAttribute(key, p.x(h.steps[now]));
      p.says.textContent = roleText(roleAt(now, p.a));
      p.attention.replaceChildren(p.attention.firstChild, element('rect', {x: p.left, y: p.mapTop, width: map, height: map, style: 'fill:transparent'}),
        ...attentionPaths(h.length, size, weightOf(p.head, shown()), p.left, p.mapTop));
    });
    movePanels();
    return svg;
  }, 'roles of each head during training');

  // ---- large view of one head ----
  const endRole = () => roleAt(last, h.heads.indexOf(zoom)).name;
  const big = drawn(() => {
    const role = endRole(), mask = twin?.masks[role] && bytesOf(twin.masks[role]);
    return attentionFigure(`${zoom} at step ${h.steps[shown()]}` + (mask ? `; framed: ${role}` : ''), h.tokens.slice(0, h.length), 480,
      weightOf(zoom, shown()), mask && ((t, j) => bitOf(mask, place(t, j)))).svg;
  }, 'attention of one head');
  const [headLabel, headSelect] = chooser('Head', h.heads.map(n => [n, n]), v => { zoom = v; big.again(); });
  headSelect.value = zoom;

  // ---- slider and playback ----
  const slider = element('input', {type: 'range', id: 'step', min: 0, max: last, step: 1, value: last, 'aria-label': 'snapshot of the training'});
  const where = element('output', {id: 'where', for: 'step'}), says = element('p', {class: 'says', id: 'training-says', 'aria-live': 'polite'});
  function tell() {
    const loss = h.loss[now][0], floor = h.floor?.[0] ?? null, below = slots.slice(1).filter(s => s.losses[now] !== null && s.floor !== null && s.losses[now] - s.floor < .05);
    const found = h.heads.map((head, a) => [head, roleAt(now, a)]).filter(([, r]) => r.counts);
    return `Step ${h.steps[now]} of ${end}: loss ${fixed(loss, 3)}` + (floor === null ? '' : `, ${fixed(loss - floor, 3)} above the floor`) + '. ' +
      (below.length ? `Within 0.05 nats of the floor: ${below.map(s => s.name).join(', ')}. ` : h.floor ? 'No loss is within 0.05 nats of the floor yet. ' : '') +
      (found.length ? `Roles with kappa 0.4 or more: ${found.map(([head, r]) => `${head} ${r.name} (${fixed(r.kappa, 2)})`).join(', ')}.` : 'No head reaches kappa 0.4.');
  }
  let timer = 0;
  function go(to) {
    now = Math.min(last, Math.max(0, to));
    slider.value = now;
    slider.setAttribute('aria-valuetext', 'step ' + h.steps[now]);
    where.textContent = `step ${h.steps[now]} of ${end}`;
    // Do not announce every snapshot to screen readers during playback.
    says.setAttribute('aria-live', timer ? 'off' : 'polite');
    says.textContent = tell();
    moveCursor(); movePanels(); big.again();
  }
  const keep = () => history.replaceState(null, '', '#' + new URLSearchParams({step: h.steps[now], head: zoom}));
  const playText = () => still.matches ? 'Next' : timer ? 'Pause' : 'Play';
  const play = element('button', {type: 'button', id: 'play', onclick: () => {
    // With prefers-reduced-motion, each press advances one snapshot.
    if (still.matches) { go(now === last ? 0 : now + 1); keep(); return; }
    if (timer) { stop(); keep(); return; }
    timer = setInterval(() => { if (now < last) go(now + 1); if (now === last) { stop(); keep(); } }, 250);
    go(now === last ? 0 : now);
    play.textContent = playText();
  }}, playText());
  function stop() { clearInterval(timer); timer = 0; play.textContent = playText(); says.setAttribute('aria-live', 'polite'); }
  still.addEventListener('change', stop);
  slider.addEventListener('input', () => { stop(); go(+slider.value); });
  slider.addEventListener('change', keep);
  const [axisLabel] = chooser('Steps', [['even', 'to scale'], ['snapshots', 'evenly spaced snapshots']], v => { even = v === 'snapshots'; losses.again(); panels.again(); });
  const fromHash = () => {
    const wanted = new URLSearchParams(location.hash.slice(1)), step = wanted.get('step');
    if (!/^\d+$/.test(step ?? '')) return;
    if (h.heads.includes(wanted.get('head'))) { zoom = wanted.get('head'); headSelect.value = zoom; }
    go(h.steps.reduce((best, s, i) => s <= +step ? i : best, 0));
  };
  window.addEventListener('hashchange', fromHash);
  go(last);
  fromHash();

  const kept = h.attention.filter(Boolean).length;
  return element('section', {id: 'training'}, title,
    element('p', {}, `${h.steps.length} snapshots` + (h.snapshots > h.steps.length ? ` of ${h.snapshots}` : '') + ` of training, on ${h.windows} windows of held-out text` +
      (kept < h.steps.length ? `; ${kept} of them include attention` : '') + '. Move the slider, or press Play. ' +
      (h.floor ? 'Dashed in the losses: the entropy floor. ' : '') + 'Dashed in the panels: kappa 0.4. In brackets: a role below 0.4, or with about the ' +
      'same score on another text. A label has further conditions (see the table of heads).'),
    element('div', {class: 'tools sticky'}, play, slider, where), says,
    element('div', {class: 'beside'},
      element('div', {}, element('div', {class: 'tools'}, axisLabel, litLabel), losses.place, savers('training_losses', losses.svg, () => [['step', 'training_loss', 'validation_loss', ...h.slots.map(s => 'loss ' + s)],
        ...h.steps.map((s, i) => [s, h.training_loss[i], h.validation_loss[i], ...h.loss[i]])])),
      element('div', {}, element('div', {class: 'tools'}, headLabel), big.place, savers('training_attention', big.svg, () => {
        const i = shown(), weight = weightOf(zoom, i);
        return [['head', 'step', 'query', 'query_token', 'key', 'key_token', 'weight'], ...h.tokens.slice(0, h.length).flatMap((q, t) =>
          h.tokens.slice(0, t + 1).map((k, j) => [zoom, h.steps[i], t, shownToken(q), j, shownToken(k), weight(t, j).toFixed(3)]))];
      }))),
    panels.place, savers('training_roles', panels.svg, () => [['step', 'head', 'role', 'kappa', 'kappa_c'], ...h.steps.flatMap((s, i) =>
      h.heads.flatMap((head, a) => h.roles.map((role, r) => [s, head, role, h.kappa[i][a][r], h.kappa_content[i][a][r]]))) ]));
}
