// Matrices: damage by head and rule with its baselines; redundancy and similarity of pairs of heads.
const linkTo = name => heads.includes(name) ? '#head=' + name : null;

// One draw of a baseline as a matrix, with a chooser of the draw. draws: [draw][part][column]; indices: specialization
// index of each draw; color(value, column).
function baseline(kind, file, draws, indices, columns, color, {size, unit = '', table}) {
  const [name, one] = {subspaces: ['Baseline: random subspaces, draw', 'draw'], untrained: ['Baseline: untrained model', 'model']}[kind];
  let number = 0;
  const note = element('p', {class: 'note'});
  const figure = drawn(() => {
    const parts = draws[number], index = indices.length === draws.length ? indices[number] : null;
    if (!parts) { note.textContent = ''; return element('p', {class: 'note'}, `${name}: not measured.`); }
    note.textContent = (index === null ? '' : `Specialization index ${fixed(index, 2)}; `) + (indices.length ?
      `over ${indices.length} ${one}${indices.length === 1 ? '' : 's'}: ${fixed(Math.min(...indices), 2)} to ${fixed(Math.max(...indices), 2)}` : '');
    // A random subspace is not a head, so its row has a different name.
    const rows = kind === 'subspaces' ? heads.map(h => h.replace('H', ' #')) : heads;
    return matrixFigure(`${name} ${number + 1}`, rows, columns, (r, c) => ({value: parts[r][c], color: color(parts[r][c], c),
      title: `${rows[r]}, ${columns[c]}: ${fixed(parts[r][c], 3)}${unit}`}), {size: size()});
  }, name);
  const [choice] = chooser(one.charAt(0).toUpperCase() + one.slice(1), draws.map((_, i) => [i, String(i + 1)]), v => { number = +v; figure.again(); });
  return element('div', {}, figure.place, note, ...(draws.length ? [element('div', {class: 'tools'}, choice), savers(file, figure.svg, table)] : []));
}
// Width of a cell: three matrices side by side if the cells stay legible.
function cellSize(names) {
  const fits = beside => Math.floor(((room(1150) - 16 * (beside - 1)) / beside - 44 - Math.min(84, 5 * names.at(-1).length)) / names.length);
  return Math.max(30, Math.min(46, fits(3) >= 30 ? fits(3) : fits(1)));
}

function effectsSection() {
  const slots = study.slots.slice(1), all = study.slots[0];
  const stake = s => Math.max(s.loss_without_heads - s.loss, 0);
  const shade = (value, s) => oneSided(stake(s) >= 0.05 ? Math.sqrt(Math.max(0, value) / stake(s)) : 0);
  const columns = [all, ...slots], names = columns.map(s => s.name);
  const size = () => cellSize(names);
  const own = drawn(() => matrixFigure('The heads of the trained model', heads, names, (r, c) => {
    const rise = study.heads[r].rise[names[c]];
    return {value: rise.mean, color: shade(rise.mean, columns[c]), marked: rise.low > 0.02,
      title: `${heads[r]}, ${names[c]}: ${fixed(rise.mean, 3)} nats [${fixed(rise.low, 3)}, ${fixed(rise.high, 3)}]` +
        (stake(columns[c]) >= 0.05 ? `; all heads together cost ${fixed(stake(columns[c]), 2)}` : '; independent of heads')};
  }, {link: linkTo, size: size()}), 'effects of heads');

  const sets = {subspaces: study.rise_random_subspaces, untrained: study.rise_untrained};
  // The stakes of untrained models are not in the data, so their cells are shaded by the stakes of the trained model.
  const beside = (kind, indices) => baseline(kind, kind, sets[kind], indices, names, (v, c) => shade(v, columns[c]), {size, unit: ' nats', table});
  const table = () => [['kind', 'draw', 'part', 'slots', 'rise_nats', 'low', 'high'],
    ...study.heads.flatMap(h => names.map(n => ['head', '', h.head, n, h.rise[n].mean, h.rise[n].low, h.rise[n].high])),
    ...Object.entries(sets).flatMap(([kind, draws]) => draws.flatMap((parts, d) =>
      parts.flatMap((row, p) => row.map((v, c) => [kind, d + 1, heads[p] ?? p, names[c], v, '', '']))))];
  return element('section', {id: 'effects'}, element('h2', {}, 'Loss increase when heads are ablated'),
    element('p', {}, 'Nats, by ' + (study.truth_known ? 'the rule that generated the character' : 'prediction subset') +
      '. Shade: share of the loss increase when all heads are ablated. Framed: the 95% interval lies above 0.02. A head’s name links to its attention.'),
    element('p', {}, 'There are two baselines. Random subspaces: of a layer’s concatenated head outputs, with a head’s dimension. Untrained ' +
      'models: the same shape before training. If the baselines are as selective as the heads, a head is not a special unit.'),
    element('div', {class: 'beside close'}, element('div', {}, own.place,
      element('p', {class: 'note'}, `Specialization index ${fixed(study.specialization.heads, 2)}: 0 if all heads affect the same subsets, 1 if each head affects its own.`),
      savers('effects', own.svg, table)),
      beside('subspaces', study.specialization.random_subspaces), beside('untrained', study.specialization.untrained)));
}

// The first condition of the label that fails.
const whyNot = {kappa: 'no role reaches 0.4', margin: 'another role is within 0.1', untrained: 'no higher than untrained heads',
  content: 'about the same on another text', halves: 'halves of the text differ'};
function headsSection() {
  const head = element('tr', {}, ...['head', 'attends to', 'kappa', 'kappa_c', 'increase, 95%', 'verdict'].map((t, i) =>
    element('th', i === 1 || i === 5 ? {class: 'left', scope: 'col'} : {scope: 'col'}, t)));
  const score = h => h.roles[h.closest_role] || {kappa: null, kappa_content: null};
  const rows = study.heads.map(h => element('tr', {},
    element('td', {}, element('a', {svg: false, href: '#head=' + h.head, style: 'color:var(--accent)'}, h.head)),
    element('td', {class: 'left'}, h.label ?? (h.uniform ? '(uniform)' : `(${h.closest_role})`)),
    element('td', {}, fixed(score(h).kappa, 2)), element('td', {}, fixed(score(h).kappa_content, 2)),
    element('td', {}, `${fixed(h.rise.all.mean, 3)} [${fixed(h.rise.all.low, 3)}, ${fixed(h.rise.all.high, 3)}]` + (h.kinds_disagree ? ' !' : '')),
    element('td', {class: 'left'}, h.verdict + (h.verdict === 'redundant' ? ' with ' + h.backup : ''),
      h.unlabelled_by && !h.uniform ? element('span', {class: 'note'}, `: ${whyNot[h.unlabelled_by] ?? h.unlabelled_by}`) : '')));
  const table = () => [['head', 'label', 'closest_role', 'unlabelled_by', 'kappa', 'kappa_c', 'rise', 'low', 'high', 'kinds_disagree',
    'gate_importance', 'verdict'], ...study.heads.map(h => [h.head, h.label, h.closest_role, h.unlabelled_by, score(h).kappa,
    score(h).kappa_content, h.rise.all.mean, h.rise.all.low, h.rise.all.high, h.kinds_disagree, h.gate_importance, h.verdict])];
  return element('section', {id: 'heads'}, element('h2', {}, 'The heads'),
    element('p', {}, 'kappa: share of attention on the role beyond chance; kappa_c: beyond what position alone explains. In ' +
      'brackets: the closest role of a head without a label. !: mean-, zero- and resample-ablation disagree. Increase: the loss increase in nats when the head is ablated.'),
    element('div', {class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'table of heads'}, element('table', {}, head, ...rows)),
    savers('heads', null, table), ...roleGroups());
}

// Heads that share a role, ablated together. Groups of one head are rows of the table of heads.
function roleGroups() {
  const groups = (study.groups ?? []).filter(g => g.heads.length > 1);
  if (!groups.length) return [];
  const mean = values => values.length ? values.reduce((sum, v) => sum + v, 0) / values.length : null;
  const columns = ['role', 'heads', 'together, 95%', 'one by one', 'random sets', 'verdict'];
  const left = [0, 1, 5];
  const cells = g => [g.role, g.heads.join(' '), `${fixed(g.rise.all.mean, 3)} [${fixed(g.rise.all.low, 3)}, ${fixed(g.rise.all.high, 3)}]`,
    fixed(g.alone, 3), fixed(mean(g.random_sets), 3), g.causal ? 'causal' : 'not causal'];
  const table = () => [['role', 'heads', 'rise', 'low', 'high', 'alone', 'random_sets', 'causal'],
    ...groups.map(g => [g.role, g.heads.join(' '), g.rise.all.mean, g.rise.all.low, g.rise.all.high, g.alone, mean(g.random_sets), g.causal])];
  return [element('h3', {}, 'Heads that share a role, ablated together'),
    element('p', {}, 'Loss increase in nats on all predictions. One by one: the sum over the heads, each ablated by itself. Random sets: ' +
      'the mean over sets with as many heads in each layer. Heads that back each other up cost more together than one by one.'),
    element('div', {class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'table of role groups'}, element('table', {},
      element('tr', {}, ...columns.map((t, i) => element('th', left.includes(i) ? {class: 'left', scope: 'col'} : {scope: 'col'}, t))),
      ...groups.map(g => element('tr', {}, ...cells(g).map((v, i) => element('td', left.includes(i) ? {class: 'left'} : {}, v)))))),
    savers('groups', null, table)];
}

function pairsSection() {
  const kinds = {};
  if (data.redundancy) {
    kinds.redundancy = ['redundancy, all predictions', data.redundancy, 'two'];
    kinds.most = ['redundancy, maximum over prediction subsets (lower bound)', data.redundancy_most, 'two'];
  }
  if (study.attention_distance.length) {
    kinds.distance = ['distance of attention (Jensen-Shannon)', study.attention_distance, 'one'];
    kinds.cka = ['similarity of outputs (linear CKA)', study.output_cka, 'one'];
  }
  if (!Object.keys(kinds).length) return null;
  let kind = Object.keys(kinds)[0];
  const figure = drawn(() => {
    const [name, values, sides] = kinds[kind];
    const most = sides === 'one' ? 1 : Math.max(0.05, ...values.flat().map(v => Math.abs(v ?? 0)));
    return matrixFigure(name, heads, heads, (r, c) => r === c ? null : {value: values[r][c],
      color: sides === 'one' ? oneSided(values[r][c]) : twoSided(values[r][c] / most),
      title: `${heads[r]} and ${heads[c]}: ${fixed(values[r][c], 4)}`}, {link: linkTo, square: true});
  });
  const [label] = chooser('Show', Object.entries(kinds).map(([k, v]) => [k, v[0]]), v => { kind = v; figure.again(); });
  return element('section', {id: 'pairs'}, element('h2', {}, 'Which heads back each other up'),
    element('p', {}, 'Redundancy, in nats: the loss increase when both heads are ablated, minus the sum of the increases when each is ablated alone. ' +
      'Orange: above 0; the heads back each other up (each can replace the other). Blue: below 0; the heads depend on each other.'),
    element('div', {class: 'tools'}, label), figure.place,
    savers('pairs', figure.svg, () => [['measure', 'a', 'b', 'value'], ...Object.values(kinds).flatMap(([name, values]) =>
      heads.flatMap((a, i) => heads.flatMap((b, j) => i < j ? [[name, a, b, values[i][j]]] : [])))]));
}
