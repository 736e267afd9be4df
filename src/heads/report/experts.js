// Texts with experts: the retention matrix with its baselines, and each head's learned table beside the true one.

// The table's rows that are compared, centered over columns and over rows, as for the correlation.
function centeredTable(table, rows) {
  const mean = v => v.reduce((a, b) => a + b, 0) / v.length;
  const flat = rows.map(r => { const m = mean(table[r]); return table[r].map(v => v - m); });
  const means = (flat[0] ?? []).map((_, c) => mean(flat.map(row => row[c])));
  return flat.map(row => row.map((v, c) => v - means[c]));
}
// Two heat maps with the same rows and columns in one SVG; each is scaled by its own largest entry.
function tablePair(title, maps, rows, columns) {
  const left = 18, gap = 14, top = 54, size = Math.max(6, Math.min(15, Math.floor((room(540) - 2 * left - gap) / 2 / columns.length)));
  const wide = left + size * columns.length, width = 2 * wide + gap, height = top + size * rows.length + 4;
  const svg = element('svg', {width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': title});
  const small = {class: 'soft', style: `font-size:${Math.min(12, size + 1)}px;font-family:ui-monospace,monospace`};
  svg.append(say(0, 14, title, {'font-weight': 600}));
  maps.forEach(([name, table], k) => {
    const x = k * (wide + gap) + left, most = Math.max(1e-9, ...table.flat().map(Math.abs));
    svg.append(say(x, 33, name), ...columns.map((c, i) => say(x + size * (i + .5), top - 4, c, {...small, 'text-anchor': 'middle'})));
    rows.forEach((r, j) => svg.append(say(x - 4, top + size * (j + .85), r, {...small, 'text-anchor': 'end'}),
      ...columns.map((c, i) => element('rect', {x: x + size * i + .25, y: top + size * j + .25, width: size - .5, height: size - .5,
        fill: css(twoSided(table[j][i] / most))}, element('title', {}, `${name}: after ${r}, ${c} ${fixed(table[j][i], 2)}`)))));
  });
  return svg;
}

function expertsSection() {
  const all = study.experts;
  if (!all) return null;
  const names = all.experts.map(e => e.name), free = all.experts.filter(e => !e.needs_attention).map(e => e.name);
  const size = () => cellSize(names);
  const shade = k => oneSided(1 - k);
  const rows = [['none', all.retention_whole, []], ...all.heads.map(h => [h.head, h.retention, h.loses]), ['all heads', all.retention_without_heads, []]];
  const own = drawn(() => matrixFigure('Ablated heads of the trained model', rows.map(r => r[0]), names, (r, c) => {
    const [name, retention, loses] = rows[r], k = retention[names[c]];
    return {value: k.value, color: shade(k.value), marked: loses.includes(names[c]),
      title: `${name} ablated, ${names[c]}: ${fixed(k.value, 3)} [${fixed(k.low, 3)}, ${fixed(k.high, 3)}]`};
  }, {link: linkTo, size: size()}), 'retention of sources');
  const sets = {subspaces: all.retention_random_subspaces, untrained: all.retention_untrained};
  const table = () => [['kind', 'draw', 'ablated', 'source', 'retention', 'low', 'high'],
    ...rows.flatMap(([name, k]) => names.map(n => ['trained', '', name, n, k[n].value, k[n].low, k[n].high])),
    ...Object.entries(sets).flatMap(([kind, draws]) => draws.flatMap((parts, d) => parts.flatMap((row, p) =>
      row.map((v, c) => [kind, d + 1, heads[p], names[c], v, '', '']))))];
  const beside = (kind, indices) => baseline(kind, 'retention_' + kind, sets[kind], indices, names, shade, {size, table});

  const pairs = all.heads.filter(h => h.table).map(h => {
    const source = all.experts.find(e => e.name === h.main_source), match = h.table_match[source.name];
    const at = source.rows_compared, evidence = at.map(r => all.symbols[r]), next = all.symbols.slice(1);
    const maps = [['learned by ' + h.head, centeredTable(h.table, at)], ['true: ' + source.name, centeredTable(source.table, at)]];
    const figure = drawn(() => tablePair(`${h.head} and its main source, ${source.name}`, maps, evidence, next), `tables of ${h.head}`);
    return element('div', {class: 'pair'}, figure.place, element('p', {class: 'note'}, `Correlation ${fixed(match.correlation, 2)}; shuffled tables: 95% below ` +
      `${fixed(match.null_95, 2)}, p ${fixed(match.p, 3)}. Attention on the source ${fixed(h.attention[source.name].attention, 2)}; share of the table ` +
      `that the head writes ${fixed(h.direct[source.name].value, 2)}; share of a swapped source’s effect that the head carries ${fixed(h.patching[source.name].value, 2)}.`),
      savers('table_' + h.head, figure.svg, () => [['table', 'evidence', 'next', 'logit_centered'],
        ...maps.flatMap(([name, m]) => m.flatMap((row, j) => row.map((v, i) => [name, evidence[j], next[i], v.toFixed(4)])))]));
  });
  return element('section', {id: 'experts'}, element('h2', {}, 'Which head serves which source'),
    element('p', {}, 'Retention: the share of each source that the model still uses when a head is mean-ablated (1: all, 0: nothing). ' +
      'Shade: the share not used. Framed: ablation removes more than a tenth of the source (95% interval). ' +
      (free.length ? `Negative control: ${free.join(', ')} needs no attention, so it should stay near 1 when one head is ablated. ` : '') +
      'A model that uses no source, such as an untrained one, has only fully shaded cells.'),
    element('div', {class: 'beside close'}, element('div', {}, own.place,
      element('p', {class: 'note'}, `Specialization index ${fixed(all.specialization.heads, 2)}. Sources lost with exactly one head: ` +
        `${all.experts_with_one_head} of ${names.length - free.length}.`), savers('retention', own.svg, table)),
      beside('subspaces', all.specialization.random_subspaces), beside('untrained', all.specialization.untrained)),
    ...(pairs.length ? [element('h3', {}, 'The table in each head’s weights, beside the true table'),
      element('p', {}, 'Rows: the symbol attended to. Columns: the next symbol. Learned: the logits that the head adds (embedding, value, output ' +
        'projection, unembedding). Blue is below zero, orange above; each map is centered and scaled by its largest entry.'),
      element('div', {class: 'beside'}, ...pairs)] : []));
}
