// Line and scatter plots: pruning curves, and kappa against the loss increase when ablated.

// Axes with margins for labels. Returns {svg, x(v), y(v), left, right, top, bottom}; the last four are the plot's edges.
// `ticks`, [[x, text]], replaces round numbers; `warp` replaces the linear x scale and maps a value to 0 .. 1.
function axes(title, [x0, x1], [y0, y1], xName, yName, {width = room(620), height = 340, margin = 14, ticks, warp} = {}) {
  const left = 58, right = width - margin, top = 30, bottom = height - 44;
  const svg = element('svg', {width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': title});
  const share = warp ?? (v => (v - x0) / (x1 - x0));
  const x = v => left + share(v) * (right - left), y = v => bottom - (v - y0) / (y1 - y0) * (bottom - top);
  const step = (span, most) => { const p = 10 ** Math.floor(Math.log10(span / most)); return [1, 2, 5, 10].map(k => k * p).find(s => span / s <= most + 1); };
  const digits = s => Math.max(0, -Math.floor(Math.log10(s) + 1e-9));
  svg.append(say(0, 14, title, {'font-weight': 600}));
  for (let s = step(y1 - y0, 5), v = Math.ceil(y0 / s) * s; v <= y1 + 1e-9; v += s)
    svg.append(element('line', {x1: left, x2: right, y1: y(v), y2: y(v), class: 'axis'}),
      say(left - 6, y(v) + 4, fixed(Math.abs(v) < s / 2 ? 0 : v, digits(s)), {'text-anchor': 'end', class: 'soft'}));
  const round = [];
  for (let s = step(x1 - x0, width < 450 ? 3 : 5), v = Math.ceil(x0 / s) * s; v <= x1 + 1e-9; v += s) round.push([v, fixed(Math.abs(v) < s / 2 ? 0 : v, digits(s))]);
  for (const [v, text] of ticks ?? round)
    svg.append(element('line', {x1: x(v), x2: x(v), y1: bottom, y2: bottom + 4, class: 'axis'}),
      say(x(v), bottom + 16, text, {'text-anchor': 'middle', class: 'soft'}));
  svg.append(say((left + right) / 2, height - 8, xName, {'text-anchor': 'middle'}),
    say(14, (top + bottom) / 2, yName, {'text-anchor': 'middle', transform: `rotate(-90 14 ${(top + bottom) / 2})`}));
  return {svg, x, y, left, right, top, bottom};
}
const pathOf = points => points.map(([a, b], i) => `${i ? 'L' : 'M'}${a.toFixed(1)} ${b.toFixed(1)}`).join('');

// Label heights close to `ys`, with at least `gap` between labels and none below `bottom`: one pass from top to bottom,
// one pass back.
function spread(ys, gap, bottom) {
  const order = ys.map((y, i) => i).sort((a, b) => ys[a] - ys[b]), at = [...ys];
  order.forEach((i, k) => { if (k) at[i] = Math.max(at[i], at[order[k - 1]] + gap); });
  order.reverse().forEach((i, k) => { at[i] = Math.min(at[i], k ? at[order[k - 1]] - gap : bottom); });
  return at;
}

function pruningSection() {
  const p = data.pruning, n = p.heads;
  if (n < 1) return null;
  const start = p.orders[0].losses[0];
  // An order may lack measurements for some numbers of removed heads.
  const measured = o => o.losses.map((v, i) => [i, v]).filter(([, v]) => v !== null);
  const trained = o => /training/.test(o.name);
  const band = Array.from({length: n + 1}, (_, i) => { const at = p.random.map(c => c[i]).sort((a, b) => a - b);
    return at.length ? [at[0], at[Math.floor((at.length - 1) / 2)], at[at.length - 1]] : null; });
  const all = [...p.orders.flatMap(o => measured(o).map(m => m[1])), ...band.filter(Boolean).flat()];
  const lowest = Math.min(start, ...all), highest = Math.max(...all), edge = (highest - lowest) * .04 + 1e-6;
  const figure = drawn(() => {
    const rows = p.orders.length + (band[0] ? 1 : 0) + 1;
    const {svg, x, y, left, right, bottom} = axes('Loss with heads removed', [0, n], [lowest - edge, highest + edge], 'heads removed', 'loss, nats',
      {height: 340});
    if (band[0]) svg.append(element('path', {d: pathOf([...band.map((b, i) => [x(i), y(b[0])]), ...band.map((b, i) => [x(i), y(b[2])]).reverse()]) + 'Z',
      style: 'fill:var(--soft);opacity:.22'}), element('path', {d: pathOf(band.map((b, i) => [x(i), y(b[1])])),
      style: 'fill:none;stroke:var(--soft);stroke-width:1.5;opacity:.8'}));
    svg.append(element('line', {x1: left, x2: right, y1: y(start + .02), y2: y(start + .02), style: 'stroke:var(--soft);stroke-dasharray:1 4'}));
    // An empty square for recovery training after the removal, otherwise a dot.
    const marker = (o, k, cx, cy) => trained(o)
      ? element('rect', {x: cx - 4.5, y: cy - 4.5, width: 9, height: 9, style: `fill:var(--card);stroke:${ink(k)};stroke-width:2`})
      : element('circle', {cx, cy, r: 4, style: `fill:${ink(k)}`});
    p.orders.forEach((o, k) => {
      svg.append(element('path', {d: pathOf(measured(o).map(([i, v]) => [x(i), y(v)])), style: stroke(k)}));
      for (const [i, v] of measured(o)) {
        const dot = marker(o, k, x(i), y(v));
        dot.append(element('title', {}, `${o.name}: ${i} removed` + (i && o.removed?.[i - 1] ? `, the last ${o.removed[i - 1]}` : '') + `: ${fixed(v, 4)}`));
        svg.append(dot);
      }
    });
    // The legend is below the axes, where it covers no curve.
    const grow = 18 * rows + 14, height = 340 + grow;
    svg.setAttribute('height', height);
    svg.setAttribute('viewBox', `0 0 ${svg.getAttribute('width')} ${height}`);
    const from = room(620) < 450 ? 4 : left;
    let line = bottom + 64;
    const entry = (text, ...marks) => { svg.append(...marks, say(from + 42, line + 4, text)); line += 18; };
    p.orders.forEach((o, k) => entry(o.name, element('line', {x1: from, x2: from + 34, y1: line, y2: line, style: stroke(k)}), marker(o, k, from + 17, line)));
    if (band[0]) entry(`${p.random.length} random orders: range and median`,
      element('rect', {x: from, y: line - 6, width: 34, height: 12, style: 'fill:var(--soft);opacity:.22'}),
      element('line', {x1: from, x2: from + 34, y1: line, y2: line, style: 'stroke:var(--soft);stroke-width:1.5'}));
    entry('0.02 nats above the unpruned model', element('line', {x1: from, x2: from + 34, y1: line, y2: line, style: 'stroke:var(--soft);stroke-dasharray:1 4'}));
    return svg;
  }, 'pruning curves');
  const percent = share => Math.round(100 * share - 1e-6);  // round 12.5 to 12, as the verdict does
  const median = [...study.prunable_fraction.random_orders].sort((a, b) => a - b)[Math.floor((study.prunable_fraction.random_orders.length - 1) / 2)];
  return element('section', {id: 'pruning'}, element('h2', {}, 'How many heads are needed'),
    element('p', {}, 'Heads are removed one by one. The order is chosen on one half of the text; the loss is measured on the other half' +
      (p.orders.some(trained) ? '. Squares: after recovery training.' : ', without further training.') + ' If the loss may increase by ' +
      `0.02 nats (dotted), ${percent(study.prunable_fraction.greedy)}% of the heads are removable in greedy order` +
      (median === undefined ? '.' : `, ${percent(median)}% in random order (median).`)),
    figure.place, savers('pruning', figure.svg, () => [['order', 'heads_removed', 'last_removed', 'loss_nats'],
      ...p.orders.flatMap(o => measured(o).map(([i, v]) => [o.name, i, i ? o.removed?.[i - 1] ?? '' : '', v])),
      ...p.random.flatMap((c, k) => c.map((v, i) => [`random ${k + 1}`, i, '', v]))]));
}

function scatterSection() {
  const points = study.heads.map(h => ({head: h.head, kappa: h.roles[h.closest_role]?.kappa ?? 0, rise: Math.max(0, h.rise.all.mean), h}));
  if (!points.length) return null;
  const most = Math.max(0.05, ...points.map(p => p.h.rise.all.high ?? p.rise)), low = Math.min(0, ...points.map(p => p.kappa));
  const figure = drawn(() => {
    const {svg, x, y, right, top, bottom} = axes('loss increase against kappa', [low, 1], [0, most * 1.08], 'kappa of the closest role', 'loss increase, nats',
      {height: 380, margin: 60});
    svg.setAttribute('role', 'group');
    svg.append(element('line', {x1: x(.4), x2: x(.4), y1: top, y2: bottom, style: 'stroke:var(--soft);stroke-dasharray:4 4'}));
    // Names of adjacent points are stacked; a line connects each name with its point.
    const near = [];
    for (const p of [...points].sort((a, b) => a.kappa - b.kappa)) {
      const group = near.at(-1);
      if (group && x(p.kappa) - x(group[0].kappa) < 60) group.push(p); else near.push([p]);
    }
    for (const group of near) {
      const edge = Math.min(right + 8, Math.max(...group.map(p => x(p.kappa))) + 16), heights = spread(group.map(p => y(p.rise)), 14, bottom - 2);
      group.forEach((p, i) => {
        const cx = x(p.kappa), cy = y(p.rise), {low: a, high: b} = p.h.rise.all;
        if (a !== null && b !== null) svg.append(element('line', {x1: cx, x2: cx, y1: y(Math.max(0, a)), y2: y(b), style: `stroke:${ink(0)};stroke-width:1.5;opacity:.6`}));
        svg.append(element('path', {d: `M${cx} ${cy}L${edge - 2} ${heights[i]}`, style: 'fill:none;stroke:var(--soft);stroke-width:.7'}),
          element('circle', {cx, cy, r: 6, style: `stroke:${ink(0)};stroke-width:2;fill:${p.h.label ? ink(0) : 'var(--card)'}`},
            element('title', {}, `${p.head}: ${p.h.closest_role}, kappa ${fixed(p.kappa, 2)}, loss increase ${fixed(p.rise, 3)}: ${p.h.verdict}`)),
          element('a', {href: '#head=' + p.head}, say(edge, heights[i] + 4, p.head)));
      });
    }
    return svg;
  }, 'loss increase against kappa');
  return element('section', {id: 'scatter'}, element('h2', {}, 'Attention and effect'),
    element('p', {}, 'Each head’s kappa for its closest role, and the loss increase when the head is ablated, with its 95% interval. ' +
      'Filled: the head has a label. Right and low: no prediction depends on the attention pattern. Left and high: predictions depend on the head, but no role ' +
      'explains its attention. Dashed: kappa 0.4, the minimum for a label.'),
    figure.place, savers('kappa_and_rise', figure.svg, () => [['head', 'closest_role', 'label', 'kappa', 'rise_nats', 'low', 'high', 'verdict'],
      ...points.map(p => [p.head, p.h.closest_role, p.h.label, p.kappa, p.h.rise.all.mean, p.h.rise.all.low, p.h.rise.all.high, p.h.verdict])]));
}
