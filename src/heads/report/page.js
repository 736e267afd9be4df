// The page, from the sections.
function verdictSection() {
  return element('section', {id: 'verdict'}, element('h2', {}, 'Verdict'),
    element('ul', {}, ...data.verdict.map(v => element('li', {}, v))));
}

// Over several seeds: a study's figures, each with the interval of its mean.
function seedsSection() {
  const s = data.seeds;
  if (!s) return null;
  const row = (cells, name) => element('tr', {}, ...cells.map(c => element(name, {}, c)));
  const range = m => m ? `${fixed(m.mean, 3)} [${fixed(m.low, 3)}, ${fixed(m.high, 3)}]` : '–';
  const summary = element('table', {}, row(['figure', 'heads', 'random subspaces', 'untrained'], 'th'),
    ...s.summary.map(f => row([f.name, range(f.heads), range(f.subspaces), range(f.untrained)], 'td')));
  const columns = ['seed', 'loss', 'above_floor', 'specialization', 'dissociations', 'prunable', 'unlabelled'];
  const each = element('table', {}, row(columns.map(c => c.replace('_', ' ')), 'th'),
    ...s.runs.map(r => row(r.failed ? [String(r.seed), 'failed: ' + r.failed] :
      columns.map((c, i) => i ? fixed(r[c], c === 'dissociations' ? 0 : 3) : String(r[c])), 'td')));
  const scroll = table => element('div', {class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'table'}, table);
  return element('section', {id: 'seeds'}, element('h2', {}, `Over ${s.runs.length} seeds`),
    element('p', {}, s.text), scroll(summary), element('h3', {}, 'Each seed'), scroll(each),
    savers('seeds', null, () => [[...columns, 'failed'], ...s.runs.map(r => [...columns.map(c => r[c]), r.failed])]),
    element('p', {class: 'note'}, `Below: the heads of seed ${s.shown}, the first that did not fail.`));
}

document.title = 'Heads of ' + study.run;
document.getElementById('run').textContent = study.run;
document.getElementById('about').textContent = `${data.model.layers} layers, ${heads.length} heads, width ${data.model.width}, context ` +
  `${data.model.context}, ${data.model.parameters} parameters; on ${study.text}: ${study.windows} windows, ${study.predictions} ` +
  `predictions, loss ${fixed(study.slots[0].loss, 4)}` + (study.slots[0].floor === null ? '' : ` (lowest possible ${fixed(study.slots[0].floor, 4)})`);
const main = document.getElementById('main');
const sections = heads.length ? [verdictSection, seedsSection, effectsSection, headsSection, explorerSection, pruningSection, pairsSection, scatterSection]
  : [verdictSection, seedsSection];
main.replaceChildren(...sections.map(s => s()).filter(Boolean));
if (location.hash.includes('head=')) document.getElementById('explorer')?.scrollIntoView();
document.documentElement.dataset.ready = 'yes';
