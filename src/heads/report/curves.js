// Lines and points: pruning, and kappa against what ablation costs.
const inks = () => dark.matches ? ['#7db8f5', '#f5a25d', '#8fd18f', '#d7a6f0'] : ['#0b5cad', '#b34700', '#2e7d32', '#7b3fa0'];
const dashes = ['', '7 3', '2 3', '9 3 2 3'];

// Axes with room for labels; gives {svg, x(v), y(v)}.
function axes(title, [x0, x1], [y0, y1], xName, yName) {
  const width = 620, height = 340, left = 58, right = 14, top = 30, bottom = 44;
  const svg = element('svg', {width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': title});
  const x = v => left + (v - x0) / (x1 - x0) * (width - left - right), y = v => height - bottom - (v - y0) / (y1 - y0) * (height - top - bottom);
  const step = span => { const p = 10 ** Math.floor(Math.log10(span / 5)); return [1, 2, 5, 10].map(k => k * p).find(s => span / s <= 6); };
  const digits = s => Math.max(0, -Math.floor(Math.log10(s) + 1e-9));
  svg.append(say(0, 14, title, {'font-weight': 600}));
  for (let s = step(y1 - y0), v = Math.ceil(y0 / s) * s; v <= y1 + 1e-9; v += s)
    svg.append(element('line', {x1: left, x2: width - right, y1: y(v), y2: y(v), class: 'axis'}),
      say(left - 6, y(v) + 4, fixed(v, digits(s)), {'text-anchor': 'end', class: 'soft'}));
  for (let s = step(x1 - x0), v = Math.ceil(x0 / s) * s; v <= x1 + 1e-9; v += s)
    svg.append(say(x(v), height - bottom + 16, fixed(v, digits(s)), {'text-anchor': 'middle', class: 'soft'}));
  svg.append(say((left + width - right) / 2, height - 8, xName, {'text-anchor': 'middle'}),
    say(14, (top + height - bottom) / 2, yName, {'text-anchor': 'middle', transform: `rotate(-90 14 ${(top + height - bottom) / 2})`}));
  return {svg, x, y};
}

function pruningSection() {
  const p = data.pruning, n = p.heads;
  if (n < 1) return null;
  const start = p.orders[0].losses[0];
  const band = Array.from({length: n + 1}, (_, i) => { const at = p.random.map(c => c[i]).sort((a, b) => a - b);
    return at.length ? [at[0], at[Math.floor((at.length - 1) / 2)], at[at.length - 1]] : null; });
  const highest = Math.max(...p.orders.flatMap(o => o.losses), ...band.filter(Boolean).flat());
  const figure = drawn(() => {
    const {svg, x, y} = axes('Loss with heads removed', [0, n], [start - (highest - start) * .03, highest + (highest - start) * .03 + 1e-6],
      'heads removed', 'loss, nats');
    const path = points => points.map(([a, b], i) => `${i ? 'L' : 'M'}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join('');
    if (band[0]) svg.append(element('path', {d: path([...band.map((b, i) => [i, b[0]]), ...band.map((b, i) => [i, b[2]]).reverse()]) + 'Z',
      style: 'fill:var(--soft);opacity:.22'}));
    svg.append(element('line', {x1: x(0), x2: x(n), y1: y(start + .02), y2: y(start + .02), style: 'stroke:var(--soft);stroke-dasharray:1 4'}));
    p.orders.forEach((o, k) => {
      svg.append(element('path', {d: path(o.losses.map((v, i) => [i, v])), style: `fill:none;stroke:${inks()[k]};stroke-width:2;stroke-dasharray:${dashes[k] || 'none'}`}));
      o.losses.forEach((v, i) => svg.append(element('circle', {cx: x(i), cy: y(v), r: 4, style: `fill:${inks()[k]}`},
        element('title', {}, `${o.name}: ${i} removed` + (i ? `, the last ${o.removed[i - 1]}` : '') + `: ${fixed(v, 4)}`))));
      svg.append(element('line', {x1: 70, x2: 100, y1: 42 + 16 * k, y2: 42 + 16 * k, style: `stroke:${inks()[k]};stroke-width:2;stroke-dasharray:${dashes[k] || 'none'}`}),
        say(106, 46 + 16 * k, o.name));
    });
    svg.append(element('rect', {x: 70, y: 36 + 64, width: 30, height: 10, style: 'fill:var(--soft);opacity:.22'}),
      say(106, 46 + 64, `${p.random.length} random orders, lowest to highest`));
    return svg;
  });
  return element('section', {id: 'pruning'}, element('h2', {}, 'How many heads are needed'),
    element('p', {}, 'Orders are chosen on one half of the text, losses measured on the other, without further training. Dotted: ' +
      `0.02 nats above the whole model, what the prunable fraction (${fixed(100 * study.prunable_fraction.greedy, 0)}%) allows.`),
    figure.place, savers('pruning', figure.svg, () => [['order', 'heads_removed', 'last_removed', 'loss_nats'],
      ...p.orders.flatMap(o => o.losses.map((v, i) => [o.name, i, i ? o.removed[i - 1] : '', v])),
      ...p.random.flatMap((c, k) => c.map((v, i) => [`random ${k + 1}`, i, '', v]))]));
}

function scatterSection() {
  const points = study.heads.map(h => ({head: h.head, kappa: h.roles[h.closest_role]?.kappa ?? 0, rise: Math.max(0, h.rise.all.mean), h}));
  if (!points.length) return null;
  const most = Math.max(0.05, ...points.map(p => p.rise)), low = Math.min(0, ...points.map(p => p.kappa));
  const figure = drawn(() => {
    const {svg, x, y} = axes('kappa against rise of the loss', [low, 1], [0, most * 1.08], 'kappa of the closest role', 'rise of the loss, nats');
    svg.append(element('line', {x1: x(.4), x2: x(.4), y1: y(0), y2: y(most), style: 'stroke:var(--soft);stroke-dasharray:4 4'}));
    const taken = [];
    [...points].sort((a, b) => b.rise - a.rise).forEach(p => {
      const cx = x(p.kappa), cy = y(p.rise), flip = cx > 520;
      let ty = cy + 4;
      while (taken.some(([tx, t]) => Math.abs(tx - cx) < 110 && Math.abs(t - ty) < 12)) ty -= 12;
      taken.push([cx, ty]);
      svg.append(element('circle', {cx, cy, r: 6, style: `stroke:${inks()[0]};stroke-width:2;fill:${p.h.label ? inks()[0] : 'var(--card)'}`},
          element('title', {}, `${p.head}: ${p.h.closest_role}, kappa ${fixed(p.kappa, 2)}, rise ${fixed(p.rise, 3)}: ${p.h.verdict}`)),
        element('a', {href: '#head=' + p.head}, say(cx + (flip ? -10 : 10), ty, p.head, {'text-anchor': flip ? 'end' : 'start'})));
    });
    return svg;
  });
  return element('section', {id: 'scatter'}, element('h2', {}, 'Does looking mean doing?'),
    element('p', {}, 'Each head by how much it looks at its closest role, and by what the model loses without it. Filled: labelled. ' +
      'Far right and low: an attention pattern that nothing depends on. Left and high: it matters, and no role explains it. Dashed: kappa 0.4.'),
    figure.place, savers('kappa_and_rise', figure.svg, () => [['head', 'closest_role', 'label', 'kappa', 'rise_nats', 'verdict'],
      ...points.map(p => [p.head, p.h.closest_role, p.h.label, p.kappa, p.h.rise.all.mean, p.h.verdict])]));
}
