// Assembles the page from its sections.
// The verdict in three parts: findings, certainty, failures. Prefixes of sentences mark where a part begins.
function verdictSection() {
  const parts = [['Found: ', 'Findings', []], ['How sure: ', 'Certainty', []], ['Failed: ', 'Failures and limits', []]];
  let at = 0;
  for (const sentence of data.verdict) {
    if (data.seeds && sentence.startsWith('One model, one seed')) continue;
    at = Math.max(at, parts.findIndex(([prefix]) => sentence.startsWith(prefix)));
    const text = sentence.replace(parts[at][0], '');
    parts[at][2].push(element('li', {}, text.charAt(0).toUpperCase() + text.slice(1)));
  }
  return element('section', {id: 'verdict'}, element('h2', {}, data.seeds ? `Verdict on seed ${data.seeds.shown}` : 'Verdict'),
    ...parts.flatMap(([, name, items]) => items.length ? [element('h3', {}, name), element('ul', {}, ...items)] : []));
}

// Tables over several seeds: values with the intervals of their means. Shows only cells that are intervals, numbers or
// text. Tables that the verdict rests on are open; the others are folded, because they would push the figures far down.
const seedTables = {summary: 'Over all seeds', comparisons: 'Heads minus their baselines, within each seed', runs: 'Each seed',
  rules: 'Largest loss increase of a single head, by prediction subset',
  labels: 'Labels, and the number of seeds in which some head has each label', carriers: 'The heads with the largest loss increases, and the head of each role', stability: 'Similarity of the heads of different seeds',
  groups: 'Heads that share a role, ablated together: loss increase in nats', onset: 'Onset: the first step of each role and loss', order: 'Order of onsets, by pair (p is not corrected for the number of pairs)', pruning: 'Pruning'};
const openTables = ['summary', 'comparisons'];
const isInterval = v => v !== null && typeof v === 'object' && 'mean' in v;
const isCell = v => v === null || typeof v !== 'object' || isInterval(v);
function seedTable(name, rows) {
  const columns = [...new Set(rows.flatMap(r => Object.keys(r)))].filter(c => c !== 'says' && rows.every(r => isCell(r[c] ?? null)) && rows.some(r => (r[c] ?? null) !== null));
  const whole = columns.map(c => rows.every(r => !isInterval(r[c]) && (typeof r[c] !== 'number' || Number.isInteger(r[c]))));
  const shown = (v, c) => v === null || v === undefined ? '–' : isInterval(v) ? fixed(v.mean, 3) + (v.low === null ? '' : ` [${fixed(v.low, 3)}, ${fixed(v.high, 3)}]`)
    : typeof v === 'number' ? fixed(v, whole[c] ? 0 : 3) : String(v);
  // Align numbers right and names left.
  const side = columns.map(c => rows.some(r => typeof r[c] === 'string') ? {class: 'left'} : {});
  const wide = columns.map(c => rows.some(r => isInterval(r[c])));
  const csv = () => [columns.flatMap((c, i) => wide[i] ? [c, c + '_low', c + '_high'] : [c]),
    ...rows.map(r => columns.flatMap((c, i) => wide[i] ? [r[c]?.mean, r[c]?.low, r[c]?.high] : [r[c]]))];
  const title = seedTables[name] ?? name.replaceAll('_', ' ');
  const table = [
    element('div', {class: 'scroll', tabindex: 0, role: 'group', 'aria-label': title}, element('table', {},
      element('tr', {}, ...columns.map((c, i) => element('th', {scope: 'col', ...side[i]}, c.replaceAll('_', ' ')))),
      ...rows.map(r => element('tr', {}, ...columns.map((c, i) => element('td', side[i], shown(r[c], i))))))),
    savers('seeds_' + name, null, csv)];
  return openTables.includes(name) ? [element('h3', {}, title), ...table]
    : [element('details', {}, element('summary', {}, `${title}: ${rows.length} ${rows.length === 1 ? 'row' : 'rows'}`), ...table)];
}
// The summary over seeds in words.
function seedsVerdict(s) {
  const counted = s.runs.filter(r => !r.failed);
  const labels = (s.labels ?? []).map(l => `${l.label} (${l.seeds})`);
  return [
    ...(s.comparisons ?? []).map(c => c.says.charAt(0).toUpperCase() + c.says.slice(1) + '.'),
    labels.length ? `Labels, with the number of seeds (of ${counted.length}) in which some head has the label: ${labels.join(', ')}.` : 'No head has a label in any seed.',
    counted.length === s.runs.length ? 'No seed failed.' : `Failed: ${s.runs.filter(r => r.failed).map(r => `seed ${r.seed} (${r.failed})`).join(', ')}.`,
    ...(counted.length < 5 ? [`With ${counted.length} ${counted.length === 1 ? 'seed' : 'seeds'} the intervals are unreliable; use five or more.`] : [])];
}
function seedsSection() {
  const s = data.seeds;
  if (!s) return null;
  const tables = Object.entries(s).filter(([, rows]) => Array.isArray(rows) && rows.length && rows.every(r => r !== null && typeof r === 'object' && !Array.isArray(r)));
  return element('section', {id: 'seeds'}, element('h2', {}, `Over ${s.runs.length} seeds`), element('ul', {}, ...seedsVerdict(s).map(v => element('li', {}, v))),
    element('p', {class: 'note'}, s.text),
    ...tables.flatMap(([name, rows]) => seedTable(name, rows)),
    element('p', {class: 'note'}, `All following sections show seed ${s.shown}, the first that did not fail.`));
}

document.title = 'Heads of ' + study.run;
document.getElementById('run').textContent = study.run;
document.getElementById('about').textContent = `${data.model.layers} ${data.model.layers === 1 ? 'layer' : 'layers'}, ${heads.length} ${heads.length === 1 ? 'head' : 'heads'}, width ${data.model.width}, context ` +
  `${data.model.context}, ${data.model.parameters} parameters; on ${study.text}: ${study.windows} windows, ${study.predictions} ` +
  `predictions, loss ${fixed(study.slots[0].loss, 4)}` + (study.slots[0].floor === null ? '' : ` (floor ${fixed(study.slots[0].floor, 4)})`);
const main = document.getElementById('main');
const sections = heads.length ? [seedsSection, verdictSection, expertsSection, effectsSection, headsSection, explorerSection, trainingSection, pruningSection, pairsSection, scatterSection]
  : [seedsSection, verdictSection];
main.replaceChildren(...sections.map(s => s()).filter(Boolean));
function scrollToAddress() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const id = wanted.has('step') ? 'training' : wanted.has('head') ? 'explorer' : null;
  if (id) document.getElementById(id)?.scrollIntoView();
}
window.addEventListener('hashchange', scrollToAddress);
scrollToAddress();
document.documentElement.dataset.ready = 'yes';
